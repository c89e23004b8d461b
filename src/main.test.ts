import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { install, type Installation, type Listed } from '../test/e2e/holdfast.ts';

const program = fileURLToPath(new URL('../bin/holdfast', import.meta.url));

async function installWithFiles(): Promise<Installation> {
  const installation = await install();
  await mkdir(join(installation.directory, 'tree'));
  await writeFile(join(installation.directory, 'tree', 'note'), 'kept\n');
  await installation.configure(`
plans:
  home:
    sources: [{ kind: files, paths: [${installation.directory}/tree] }]
    stores: [{ kind: local, path: ${installation.store} }]
`);
  return installation;
}

test('a backup goes on when nobody hears it any more', async () => {
  await using installation = await installWithFiles();
  const cwd = join(installation.directory, 'cwd');
  const child = spawn(program, ['backup'], { cwd, env: { ...installation.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  child.stderr.destroy();
  const [exitCode] = await once(child, 'exit');
  expect(exitCode).toBe(0);
  expect(await installation.json<Listed[]>(['list'])).toHaveLength(1);
});

test('a result that a full disk swallowed is a failure, told without a stack trace', async () => {
  await using installation = await installWithFiles();
  await using full = await open('/dev/full', 'w');
  const cwd = join(installation.directory, 'cwd');
  const child = spawn(program, ['list', '--json'], { cwd, env: { ...installation.env }, stdio: ['ignore', full.fd, 'pipe'] });
  const [said, [exitCode]] = await Promise.all([text(child.stderr as Readable), once(child, 'exit')]);
  expect(exitCode).toBe(1);
  expect(said).not.toMatch(/ at .*:\d+:\d+/);
});
