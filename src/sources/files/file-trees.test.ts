import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Issue } from '../../domain/manifest.ts';
import type { TreeReport, TreeUnit } from '../../ports/source.ts';
import { RecordingSink, type SinkHooks } from '../../../test/fakes/recording-sink.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { filesSource } from './files-source.ts';

let base: string;
let root: string;

beforeEach(() => {
  base = mkdtempSync(join(process.env['TMPDIR'] ?? '/var/tmp', 'holdfast-files-'));
  root = join(base, 'data');
  mkdirSync(root);
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const signal = new AbortController().signal;

function write(path: string, content: string | Uint8Array = path): string {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), content);
  return join(root, path);
}

async function units(config: object = {}, name = 'home'): Promise<readonly TreeUnit[]> {
  const source = filesSource.open(filesSource.schema.parse({ paths: [root], ...config }), {
    clock: systemClock,
    log: keptLog(),
    environment: {},
    name,
    ownDirectories: [],
  });
  return (await source.units(signal)) as readonly TreeUnit[];
}

interface Result {
  readonly sink: RecordingSink;
  readonly report: TreeReport;
  readonly paths: readonly string[];
}

async function read(config: object = {}, hooks: SinkHooks = {}): Promise<Result> {
  const [unit] = await units(config);
  const sink = new RecordingSink(hooks);
  const report = await unit!.read(sink, signal);
  return { sink, report, paths: sink.entries.map(({ path }) => path) };
}

function entryOf({ sink }: Result, path: string): RecordingSink['entries'][number] {
  const found = sink.entries.find((entry) => entry.path === path);
  if (found === undefined) throw new Error(`${path} is not among ${sink.entries.map((entry) => entry.path).join(', ')}`);
  return found;
}

function problems({ report }: Result): string[] {
  return report.issues.map(({ subject, problem, severity }) => `${problem} ${subject.slice(root.length + 1)} ${severity}`);
}

describe('paths become folders of the archive', () => {
  test('a single directory is the folder of the source', async () => {
    write('a/b.txt', 'content');
    const result = await read();
    expect(result.paths).toEqual(['home', 'home/a', 'home/a/b.txt']);
    expect(entryOf(result, 'home/a/b.txt').content.toString()).toBe('content');
    const [unit] = await units();
    expect(unit).toMatchObject({ name: 'home', prefix: 'files', roots: [{ archivePath: 'home', originalPath: root, kind: 'directory' }] });
  });

  test('several lie in it under their own names, made unique', async () => {
    const [one, two] = [write('x/data/one'), write('y/data/two')].map((path) => join(path, '..'));
    const file = write('note.txt');
    const result = await read({ paths: [one, two, file] });
    expect(result.paths).toEqual(['home/data', 'home/data/one', 'home/data-2', 'home/data-2/two', 'home/note.txt']);
  });

  test('a single file lies in it, and so never takes the folder for itself', async () => {
    const result = await read({ paths: [write('note.txt', 'hello')] });
    expect(result.paths).toEqual(['home/note.txt']);
    expect(result.report.counts).toEqual({ files: 1, directories: 0, symlinks: 0, hardlinks: 0 });
  });

  test('a name that is no file name is made one', async () => {
    write('a');
    for (const [name, folder] of [
      ['a/b', 'a_b'],
      ['..', '__'],
      ['', 'root'],
    ] as const) {
      const [unit] = await units({}, name);
      expect(unit?.roots[0]?.archivePath).toBe(folder);
    }
  });

  test('a path that is a symlink stands for what it points to; links within stay links', async () => {
    write('a');
    symlinkSync('a', join(root, 'link'));
    const shortcut = join(base, 'shortcut');
    symlinkSync(root, shortcut);
    const result = await read({ paths: [shortcut] });
    expect(result.paths).toEqual(['home', 'home/a', 'home/link']);
    expect(Buffer.from(entryOf(result, 'home/link').entry.linkTarget).toString()).toBe('a');
    const [unit] = await units({ paths: [shortcut] });
    expect(unit?.roots[0]?.originalPath).toBe(root);
  });
});

describe('a path that holds nothing fails', () => {
  test.each([
    ['missing', () => rmSync(root, { recursive: true }), 'SOURCE_MISSING'],
    ['empty', () => undefined, 'SOURCE_EMPTY'],
    ['a named pipe', () => (rmSync(root, { recursive: true }), execFileSync('mkfifo', [root])), 'SOURCE_UNREADABLE'],
  ])('before anything is written: %s', async (_, prepare, code) => {
    prepare();
    await expect(units()).rejects.toThrow(expect.objectContaining({ code }));
  });

  test('when everything in it is excluded', async () => {
    write('a.tmp');
    await expect(read({ exclude: ['*.tmp'] })).rejects.toThrow(expect.objectContaining({ code: 'SOURCE_EMPTY' }));
    await expect(read({ include: ['*.txt'] })).rejects.toThrow(expect.objectContaining({ code: 'SOURCE_EMPTY' }));
  });

  test('unless the plan allows it', async () => {
    expect((await read({ allowEmpty: true })).paths).toEqual(['home']);
  });

  test('when it vanishes while it is read, instead of listing every file as lost', async () => {
    for (let index = 0; index < 200; index++) write(`f${index}`);
    const onBegin = (path: string): void => (path === 'home/f0' ? renameSync(root, join(base, 'elsewhere')) : undefined);
    await expect(read({}, { onBegin })).rejects.toThrow(expect.objectContaining({ code: 'SOURCE_MISSING' }));
  });

  test('when an empty directory takes its place while it is read, as after an unmount', async () => {
    for (let index = 0; index < 200; index++) write(`f${index}`);
    const onBegin = (path: string): void => {
      if (path !== 'home/f0') return;
      renameSync(root, join(base, 'elsewhere'));
      mkdirSync(root);
    };
    await expect(read({}, { onBegin })).rejects.toThrow(expect.objectContaining({ code: 'SOURCE_UNREADABLE' }));
  });
});

describe('what is left out', () => {
  test('an excluded directory is not read at all', async () => {
    write('keep/a');
    write('cache/b');
    chmodSync(join(root, 'cache'), 0);
    expect((await read({ exclude: ['cache/'] })).paths).toEqual(['home', 'home/keep', 'home/keep/a']);
  });

  test('cache/** keeps the directory and leaves out its content', async () => {
    write('cache/a/b');
    expect((await read({ exclude: ['cache/**'] })).paths).toEqual(['home', 'home/cache']);
  });

  test('with include only what matches, what lies below it, and the directories that lead there', async () => {
    for (const path of ['photos/a.jpg', 'photos/raw/b.dng', 'docs/deep/c.jpg', 'docs/d.txt', 'empty/e.txt']) write(path);
    mkdirSync(join(root, 'photos/none'));
    const result = await read({ include: ['*.jpg', 'photos/'], exclude: ['raw'] });
    expect(result.paths).toEqual([
      'home',
      'home/docs',
      'home/docs/deep',
      'home/docs/deep/c.jpg',
      'home/photos',
      'home/photos/a.jpg',
      'home/photos/none',
    ]);
  });

  test('names that are not UTF-8 match patterns too', async () => {
    for (const name of ['a\xff.tmp', 'b\xff.txt']) writeFileSync(Buffer.from(join(root, name), 'latin1'), 'x');
    expect((await read({ exclude: ['*.tmp'] })).paths).toEqual(['home', 'home/b\xff.txt']);
  });

  test('sockets and pipes are named and never opened', async () => {
    write('a');
    execFileSync('mkfifo', [join(root, 'pipe')]);
    const server = createServer().listen(join(root, 'socket'));
    await once(server, 'listening');
    const result = await read();
    server.close();
    expect(result.paths).toEqual(['home', 'home/a']);
    expect(problems(result)).toEqual(['skipped pipe note', 'skipped socket note']);
    expect(result.report.issues[1]?.detail).toContain('socket');
  });

  test.runIf(process.getuid?.() === 0)('devices are named and never opened', async () => {
    write('a');
    execFileSync('mknod', [join(root, 'null'), 'c', '1', '3']);
    execFileSync('mknod', [join(root, 'disk'), 'b', '240', '0']);
    expect(problems(await read())).toEqual(['skipped disk note', 'skipped null note']);
  });

  test.runIf(process.getuid?.() === 0)('with oneFileSystem what is mounted below the path', async () => {
    write('a');
    mkdirSync(join(root, 'mounted'));
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(root, 'mounted')]);
    try {
      write('mounted/b');
      expect((await read()).paths).toEqual(['home', 'home/a', 'home/mounted', 'home/mounted/b']);
      const result = await read({ oneFileSystem: true });
      expect(result.paths).toEqual(['home', 'home/a', 'home/mounted']);
      expect(problems(result)).toEqual(['skipped mounted note']);
    } finally {
      execFileSync('umount', [join(root, 'mounted')]);
    }
  });
});

describe('what an entry says', () => {
  test('names of any bytes, in the order of their bytes', async () => {
    const names = ['\xff\xfe', '-rf', 'new\nline', 'ä', 'A', 'b', 'x'.repeat(255)];
    for (const name of names) writeFileSync(Buffer.from(join(root, name), 'latin1'), name);
    const expected = ['-rf', 'A', 'b', 'new\nline', 'x'.repeat(255), 'ä', '\xff\xfe'].map((name) => `home/${name}`);
    expect((await read()).paths).toEqual(['home', ...expected]);
  });

  test('paths up to the limit of the system, and a loss beyond it', async () => {
    // Made step by step, since no single call takes such a path.
    const script = 'cd "$1"; for i in $(seq 20); do mkdir "$2"; cd "$2"; done; echo deep > file';
    execFileSync('bash', ['-c', script, 'bash', root, 'd'.repeat(250)]);
    const result = await read();
    const longest = Math.max(...result.paths.map((path) => path.length));
    expect(longest).toBeGreaterThan(3500);
    expect(result.report.issues).toMatchObject([{ problem: 'unreadable', detail: 'name too long (ENAMETOOLONG)', severity: 'loss' }]);
  });

  test('times in nanoseconds, modes, owners and link targets', async () => {
    const file = write('file', 'x');
    symlinkSync(Buffer.from('to\xffwhere', 'latin1'), join(root, 'link'));
    execFileSync('touch', ['-h', '-d', '1969-07-20 20:17:40.000000001 UTC', file, join(root, 'link')]);
    chmodSync(file, 0o6751);
    const result = await read();
    const [linked, plain] = [entryOf(result, 'home/link').entry, entryOf(result, 'home/file').entry];
    expect(plain.mtimeNs).toBe(-14_182_939_999_999_999n);
    expect(linked.mtimeNs).toBe(plain.mtimeNs);
    expect(Buffer.from(linked.linkTarget).toString('latin1')).toBe('to\xffwhere');
    expect(plain.mode).toBe(0o6751);
    expect([plain.uid, plain.gid]).toEqual([lstatSync(file).uid, lstatSync(file).gid]);
    expect(plain.user).toBe(execFileSync('id', ['-un']).toString().trim());
  });

  test('a file of several names once with content, then as links to it', async () => {
    const path = write('a', 'shared');
    mkdirSync(join(root, 'sub'));
    linkSync(path, join(root, 'sub/b'));
    linkSync(path, join(root, 'z'));
    const result = await read();
    expect(result.report.counts).toEqual({ files: 1, directories: 2, symlinks: 0, hardlinks: 2 });
    for (const name of ['home/sub/b', 'home/z']) {
      expect(entryOf(result, name).entry.type).toBe('hardlink');
      expect(Buffer.from(entryOf(result, name).entry.linkTarget).toString()).toBe('home/a');
    }
  });

  test('names in different paths are files of their own, so that each path can be restored alone', async () => {
    const path = write('one/a', 'shared');
    mkdirSync(join(root, 'two'));
    linkSync(path, join(root, 'two/a'));
    expect((await read({ paths: [join(root, 'one'), join(root, 'two')] })).report.counts).toMatchObject({ files: 2, hardlinks: 0 });
  });

  test('extended attributes and ACLs, unless they are not wanted', async () => {
    const file = write('a');
    execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', file]);
    execFileSync('setfacl', ['-m', 'u:1234:rw', file]);
    execFileSync('setfacl', ['-d', '-m', 'g:1234:rx', root]);
    const result = await read();
    expect(Buffer.from(entryOf(result, 'home/a').entry.xattrs.get('user.note') ?? []).toString()).toBe('kept');
    expect(entryOf(result, 'home/a').entry.xattrs.has('system.posix_acl_access')).toBe(true);
    expect(entryOf(result, 'home').entry.xattrs.has('system.posix_acl_default')).toBe(true);
    expect(entryOf(await read({ xattrs: false }), 'home/a').entry.xattrs.size).toBe(0);
  });

  test('the extents of a sparse file and only their bytes', async () => {
    const file = write('sparse', '');
    execFileSync('bash', [
      '-c',
      'printf start > "$1"; printf middle | dd of="$1" bs=1 seek=4194304 conv=notrunc status=none; truncate -s 8M "$1"',
      'bash',
      file,
    ]);
    write('all-hole', '');
    truncateSync(join(root, 'all-hole'), 1 << 20);
    const result = await read();
    const { entry, content } = entryOf(result, 'home/sparse');
    expect(entry.sizeBytes).toBe(8 << 20);
    expect(entry.extents).toHaveLength(2);
    expect(content.length).toBeLessThan(100_000);
    expect(content.includes('middle') && content.includes('start')).toBe(true);
    expect(entryOf(result, 'home/all-hole').entry).toMatchObject({ sizeBytes: 1 << 20, extents: [] });
  });

  test('reading leaves no time of access', async () => {
    const file = write('a');
    utimesSync(file, 1000, 2000);
    await read();
    expect(lstatSync(file).atimeMs).toBe(1_000_000);
  });
});

describe('a file that changes while it is read', () => {
  const size = 10_000;

  async function readWhile(change: (path: string) => void, name = 'b'): Promise<Result> {
    const path = write(name, 'x'.repeat(size));
    let isDone = false;
    const onPiece = (piece: string, taken: number): void => {
      if (isDone || piece !== `home/${name}` || taken < 3000) return;
      isDone = true;
      change(path);
    };
    return await read({}, { onPiece });
  }

  test.each<[Issue['problem'], (path: string) => void, 'short' | 'changed']>([
    ['grew', (path) => appendFileSync(path, 'more'), 'changed'],
    ['shrank', (path) => truncateSync(path, 5000), 'short'],
    ['changed', (path) => writeFileSync(path, 'y'.repeat(size)), 'changed'],
    ['changed', (path) => (writeFileSync(path, 'y'.repeat(size)), execFileSync('touch', ['-d', '2001-02-03', path])), 'changed'],
  ])('%s', async (problem, change, state) => {
    const result = await readWhile(change);
    expect(problems(result)).toEqual([`${problem} b loss`]);
    expect(entryOf(result, 'home/b')).toMatchObject({ state, entry: { sizeBytes: size } });
  });

  test('is changed also when its time of modification was set back', async () => {
    const result = await readWhile((path) => {
      const { atime, mtime } = lstatSync(path);
      writeFileSync(path, 'y'.repeat(size));
      utimesSync(path, atime, mtime);
    });
    expect(problems(result)).toEqual(['changed b loss']);
  });

  test('is whole when another was put in its place, or it was removed, once it was open', async () => {
    const replaced = await readWhile((path) => (writeFileSync(`${path}.new`, 'new'), renameSync(`${path}.new`, path)));
    expect(problems(replaced)).toEqual([]);
    expect(entryOf(replaced, 'home/b')).toMatchObject({ state: 'whole', content: Buffer.from('x'.repeat(size)) });
    expect(problems(await readWhile((path) => rmSync(path)))).toEqual([]);
  });

  test('is named when it vanished before its turn came', async () => {
    for (let index = 100; index < 200; index++) write(`f${index}`);
    const onBegin = (path: string): void => (path === 'home/f100' ? rmSync(join(root, 'f199')) : undefined);
    const result = await read({}, { onBegin });
    expect(problems(result)).toEqual(['vanished f199 loss']);
    expect(result.report.counts.files).toBe(99);
  });

  test('leaves the files after it as they are', async () => {
    write('c', 'after');
    expect(entryOf(await readWhile((path) => truncateSync(path, 4000)), 'home/c')).toMatchObject({
      state: 'whole',
      content: Buffer.from('after'),
    });
  });

  test('a thousand issues are listed and the others counted', async () => {
    execFileSync('bash', ['-c', 'cd "$1" && mkfifo $(seq 1 1100)', 'bash', root]);
    write('z');
    const { issues } = (await read()).report;
    expect(issues).toHaveLength(1001);
    expect(issues.at(-1)).toMatchObject({ subject: '100 more', problem: 'skipped', severity: 'note' });
  });
});

describe.runIf(process.getuid?.() === 0)('what this user may not read', () => {
  /** As nobody, who may enter the scratch place. */
  async function asNobody<T>(work: () => Promise<T>): Promise<T> {
    chmodSync(base, 0o755);
    process.setegid!(65_534);
    process.seteuid!(65_534);
    try {
      return await work();
    } finally {
      process.seteuid!(0);
      process.setegid!(0);
    }
  }

  test('is lost and named: files and directories', async () => {
    chmodSync(write('secret'), 0o600);
    chmodSync(join(write('locked/a'), '..'), 0o700);
    write('open');
    const result = await asNobody(() => read());
    expect(result.paths).toEqual(['home', 'home/locked', 'home/open']);
    expect(problems(result)).toEqual(['unreadable locked loss', 'unreadable secret loss']);
    expect(result.report.issues[0]?.detail).toBe('permission denied (EACCES)');
  });

  test('is refused before anything is written when it is the whole', async () => {
    write('a');
    chmodSync(root, 0o700);
    await asNobody(() => expect(units()).rejects.toThrow(expect.objectContaining({ code: 'SOURCE_UNREADABLE' })));
  });

  test("is read without a trace in other people's files too", async () => {
    write('theirs');
    expect((await asNobody(() => read())).paths).toEqual(['home', 'home/theirs']);
  });
});
