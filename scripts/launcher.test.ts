import { execFile, type ExecFileException } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
let scratch: string;
let checkout: string;

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** A fresh clone in miniature: the real launcher, a program that tells how it was started, and an npm that only pretends. */
beforeEach(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast launcher ')));
  checkout = join(scratch, 'my checkout');
  cpSync(join(root, 'bin'), join(checkout, 'bin'), { recursive: true });
  cpSync(join(root, 'scripts'), join(checkout, 'scripts'), { recursive: true });
  write(
    'src/main.ts',
    'const said: string[] = [process.argv0, process.cwd(), ...process.argv.slice(2)];\nconsole.log(JSON.stringify(said));\n',
  );
  write('package.json', JSON.stringify({ type: 'module' }));
  write('package-lock.json', JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } }));
  script('fake/npm', npmThatInstalls('1.0.0'));
});

afterEach(() => rmSync(scratch, { recursive: true }));

describe('bin/holdfast', () => {
  test('starts from any directory, by its path, by name and through links, with its arguments untouched', async () => {
    install();
    symlinkSync(join(checkout, 'bin', 'holdfast'), join(scratch, 'first link'));
    mkdirSync(join(scratch, 'links'));
    symlinkSync('../first link', join(scratch, 'links', 'holdfast'));
    const ways = [join(checkout, 'bin', 'holdfast'), join(scratch, 'links', 'holdfast'), 'holdfast', '../first link'];
    for (const way of ways) {
      const { stdout } = await run(way, ['a b', '', '$c'], { PATH: `${join(scratch, 'links')}:/usr/bin:/bin` }, join(scratch, 'links'));
      expect(JSON.parse(stdout)).toEqual([pinnedNode(), join(scratch, 'links'), 'a b', '', '$c']);
    }
  });

  test('prints nothing of its own when all is there', async () => {
    install();
    expect((await holdfast()).stderr).toBe('');
  });

  test('installs what a fresh clone lacks, tells so beside the output, and does it once for two at a time', async () => {
    const both = await Promise.all([holdfast(), holdfast()]);
    for (const { stdout, code } of both) expect([JSON.parse(stdout), code]).toEqual([[pinnedNode(), scratch], 0]);
    expect(both.map(({ stderr }) => stderr).join('')).toContain('Installing what Holdfast needs');
    expect(installations()).toBe(1);
  });

  test('installs again when the lock file names another version, and not when it only looks newer', async () => {
    install();
    utimesSync(join(checkout, 'package-lock.json'), new Date(), new Date(Date.now() + 60_000));
    await holdfast();
    expect(installations()).toBe(1);
    write('package-lock.json', JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '2.0.0' } } }));
    utimesSync(join(checkout, 'package-lock.json'), new Date(), new Date(Date.now() + 120_000));
    await holdfast();
    expect(installations()).toBe(2);
  });

  test('says what to do when npm is missing or fails', async () => {
    const tools = join(scratch, 'tools');
    mkdirSync(tools);
    for (const tool of ['sh', 'readlink']) symlinkSync(`/bin/${tool}`, join(tools, tool));
    expect(await holdfast({ PATH: tools })).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('npm is not installed') });
    script('fake/npm', 'exit 7');
    expect(await holdfast()).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('npm ci failed') });
  });

  test('takes the Node it is told to, and refuses one that is too old', async () => {
    install();
    script('fake/old', 'echo v24.14.1');
    const refused = await holdfast({ HOLDFAST_NODE: join(scratch, 'fake', 'old') });
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('not Node 24.15 or newer') });
    script('fake/new', `[ "$1" = --version ] && echo v25.0.0 || exec '${process.execPath}' "$@"`);
    expect(JSON.parse((await holdfast({ HOLDFAST_NODE: join(scratch, 'fake', 'new') })).stdout)).toEqual([process.execPath, scratch]);
  });

  test('takes a Node of the system that is new enough when none is pinned, and says so when there is none', async () => {
    install();
    rmSync(join(checkout, 'node_modules', 'node'), { recursive: true });
    script('fake/node', 'echo v20.20.2');
    expect(await holdfast()).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('needs Node 24.15 or newer') });
    script('fake/node', `[ "$1" = --version ] && echo v24.15.0 || exec '${process.execPath}' "$@"`);
    expect((await holdfast()).code).toBe(0);
  });

  test('a service is small, and finds everything compiled: what strips types would stay in its memory', async () => {
    install();
    write('src/part.ts', 'export const part: string = "part";\n');
    write(
      'src/main.ts',
      `const { part } = await import('./part.ts');
const loaded: string[] = (process as unknown as { moduleLoadList: string[] }).moduleLoadList;
const found = loaded.some((name) => name.includes('amaro')) ? 'strips types' : 'finds them stripped';
console.log(part, found, process.execArgv.includes('--optimize-for-size') ? 'small' : 'fast');\n`,
    );
    expect((await holdfast()).stdout).toBe('part strips types fast\n');
    write('src/part.ts', 'export const part: string = "new part";\n');
    utimesSync(join(checkout, 'src', 'part.ts'), new Date(), new Date(Date.now() + 60_000));
    expect((await holdfast({}, ['serve'])).stdout).toBe('new part finds them stripped small\n');
  });

  test('every module can be compiled before it is needed', async () => {
    const args = ['--disable-warning=ExperimentalWarning', '--import', join(root, 'bin', 'load-all.mjs'), join(root, 'src', 'main.ts')];
    const cache = { NODE_COMPILE_CACHE: join(scratch, 'cache') };
    expect(await run(process.execPath, [...args, '--version'], cache, scratch)).toMatchObject({ code: 0, stderr: '' });
  });
});

function holdfast(environment: Readonly<Record<string, string>> = {}, args: readonly string[] = []): Promise<Ended> {
  return run(join(checkout, 'bin', 'holdfast'), args, environment, scratch);
}

function run(program: string, args: readonly string[], environment: Readonly<Record<string, string>>, cwd: string): Promise<Ended> {
  const env = { HOME: scratch, PATH: `${join(scratch, 'fake')}:/usr/bin:/bin`, ...environment };
  return new Promise((resolve) => {
    execFile(program, [...args], { env, cwd }, (error: ExecFileException | null, stdout, stderr) => {
      resolve({ stdout, stderr, code: error === null ? 0 : Number(error.code) });
    });
  });
}

/** What `npm ci` would leave, done at once. */
function install(): void {
  write('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0' } } }));
  mkdirSync(join(checkout, 'node_modules', 'node', 'bin'), { recursive: true });
  symlinkSync(process.execPath, pinnedNode());
  write('installations', 'x\n');
}

function npmThatInstalls(version: string): string {
  return `[ "$1" = ci ] || exit 9
echo x >>installations
sleep 0.3
mkdir -p node_modules/node/bin
ln -sf '${process.execPath}' node_modules/node/bin/node
echo '{"packages":{"node_modules/a":{"version":"${version}"}}}' >node_modules/.package-lock.json
echo noise of npm`;
}

function installations(): number {
  return readFileSync(join(checkout, 'installations'), 'utf8').trim().split('\n').length;
}

function pinnedNode(): string {
  return join(checkout, 'node_modules', 'node', 'bin', 'node');
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(checkout, path)), { recursive: true });
  writeFileSync(join(checkout, path), text);
}

function script(path: string, text: string): void {
  mkdirSync(dirname(join(scratch, path)), { recursive: true });
  writeFileSync(join(scratch, path), `#!/bin/sh\n${text}\n`);
  chmodSync(join(scratch, path), 0o755);
}
