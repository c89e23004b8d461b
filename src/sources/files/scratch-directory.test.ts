import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scratchDirectory } from './scratch-directory.ts';

let base: string;
let environment: Record<string, string>;

beforeEach(() => {
  base = mkdtempSync(join(process.env['TMPDIR'] ?? '/var/tmp', 'holdfast-scratch-test-'));
  environment = { HOLDFAST_SCRATCH_DIR: base, TMPDIR: '/nowhere' };
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** Another process that makes a scratch directory, says where, and waits. */
async function elsewhere(): Promise<{ directory: string; kill: () => Promise<void> }> {
  const module = join(import.meta.dirname, 'scratch-directory.ts');
  const script = `const { scratchDirectory } = await import(${JSON.stringify(module)});
    const scratch = await scratchDirectory(${JSON.stringify(environment)});
    console.log(scratch.directory);
    setInterval(() => scratch, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [directory] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    directory,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('a scratch directory', () => {
  test('is for nobody else and gone when it is disposed of, with read-only directories in it', async () => {
    {
      await using scratch = await scratchDirectory(environment);
      expect(statSync(scratch.directory).mode & 0o777).toBe(0o700);
      mkdirSync(join(scratch.directory, 'a/b'), { recursive: true });
      writeFileSync(join(scratch.directory, 'a/b/file'), 'x');
      writeFileSync(Buffer.from(join(scratch.directory, 'a/\xff'), 'latin1'), 'x');
      chmodSync(join(scratch.directory, 'a/b'), 0o500);
      chmodSync(join(scratch.directory, 'a'), 0);
    }
    expect(readdirSync(base)).toEqual([]);
  });

  test('lies in TMPDIR when nothing else is said', async () => {
    await using scratch = await scratchDirectory({ TMPDIR: base });
    expect(join(scratch.directory, '..')).toBe(base);
  });

  test('of another process that lives is left alone, and removed when that was killed', async () => {
    const other = await elsewhere();
    writeFileSync(join(other.directory, 'file'), 'x');
    {
      await using _mine = await scratchDirectory(environment);
      expect(readdirSync(base)).toHaveLength(2);
    }
    await other.kill();
    expect(readdirSync(other.directory)).toEqual(['file']);
    await using mine = await scratchDirectory(environment);
    expect(readdirSync(base).map((name) => join(base, name))).toEqual([mine.directory]);
  });

  test('leaves everything alone that has another name', async () => {
    writeFileSync(join(base, 'holdfast-scratch-file'), 'x');
    mkdirSync(join(base, 'holdfast'));
    await using _mine = await scratchDirectory(environment);
    expect(readdirSync(base)).toEqual(expect.arrayContaining(['holdfast', 'holdfast-scratch-file']));
  });

  test('that cannot be made says where', async () => {
    writeFileSync(join(base, 'file'), 'x');
    const made = scratchDirectory({ HOLDFAST_SCRATCH_DIR: join(base, 'file/below') });
    await expect(made).rejects.toThrow(
      expect.objectContaining({ code: 'TARGET_FAILED', message: expect.stringContaining(join(base, 'file/below')) as string }),
    );
  });
});
