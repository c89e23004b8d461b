import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fillOddTree, isPipe } from '../../../test/e2e/odd-tree.ts';
import { treeContent } from '../../../test/e2e/tree-content.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { RecordingSink, type RecordedEntry } from '../../../test/fakes/recording-sink.ts';
import type { ListedEntry, TreeEntry } from '../../domain/tree-entry.ts';
import { systemClock } from '../../platform/system-clock.ts';
import type { TreeSink } from '../../ports/source.ts';
import type { ContentSink } from '../../pipeline/block-assembler.ts';
import { TarReader } from '../../pipeline/tar-reader.ts';
import { TarWriter } from '../../pipeline/tar-writer.ts';
import { filesSource } from './files-source.ts';
import { openTreeTarget } from './tree-target.ts';

const isRoot = process.getuid?.() === 0;
const { signal } = new AbortController();

let base: string;
const log = keptLog();
const target = openTreeTarget({ environment: {}, log });

beforeEach(() => void (base = mkdtempSync(join(process.env['TMPDIR'] ?? '/var/tmp', 'holdfast-target-'))));
afterEach(() => rmSync(base, { recursive: true, force: true }));

interface Given extends Partial<TreeEntry> {
  readonly name: string;
  readonly content?: string | Uint8Array;
}

function entry({ name, content = '', ...rest }: Given): TreeEntry {
  return {
    type: 'file',
    path: Buffer.from(name),
    sizeBytes: rest.type === undefined || rest.type === 'file' ? content.length : 0,
    mode: 0o644,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    user: '',
    group: '',
    mtimeNs: 1_000_000_000_000_000_000n,
    linkTarget: new Uint8Array(0),
    xattrs: new Map(),
    ...rest,
  };
}

/** Writes the entries and finishes; on an error the writer is disposed of, as callers do. */
async function restore(given: readonly Given[], directory = join(base, 'out')): Promise<{ entries: number; remarks: readonly string[] }> {
  await using writer = await target.open(directory, { owners: isRoot, durable: false });
  for (const item of given) {
    const made = entry(item);
    await writer.begin(made);
    if (made.type !== 'file') continue;
    if (item.content !== undefined) await writer.write(Buffer.from(item.content));
    await writer.endFile();
  }
  return await writer.finish();
}

async function restoreRecorded(recorded: readonly RecordedEntry[], directory: string): Promise<readonly string[]> {
  await using writer = await target.open(directory, { owners: isRoot, durable: false });
  for (const { entry: made, content } of recorded) {
    await writer.begin(made);
    if (made.type !== 'file') continue;
    await writer.write(content);
    await writer.endFile();
  }
  return (await writer.finish()).remarks;
}

async function readTree(path: string, sink: TreeSink): Promise<void> {
  const context = { clock: systemClock, log: keptLog(), environment: {}, name: 'data', ownDirectories: [] };
  await using source = filesSource.open(filesSource.schema.parse({ paths: [path] }), context);
  const [unit] = await source.units(signal);
  if (unit?.content !== 'tree') throw new Error('no tree');
  await unit.read(sink, signal);
}

async function record(path: string): Promise<readonly RecordedEntry[]> {
  const sink = new RecordingSink({ windowBytes: 100_000 });
  await readTree(path, sink);
  return sink.entries;
}

/** What the listing of an archive would say. */
async function* listing(recorded: readonly RecordedEntry[]): AsyncGenerator<ListedEntry> {
  for (const { entry: listed, content } of recorded) {
    const { type, path, sizeBytes, mode, mtimeNs, linkTarget } = listed;
    const whole = Buffer.alloc(sizeBytes);
    let taken = 0;
    for (const extent of listed.extents ?? [{ offset: 0, sizeBytes }])
      taken += content.copy(whole, extent.offset, taken, taken + extent.sizeBytes);
    const sha256 = type === 'file' ? createHash('sha256').update(whole).digest('hex') : '';
    yield { type, path, sizeBytes, mode, mtimeNs, sha256, linkTarget, damaged: false };
  }
}

/** More of what trips tools: what only root can make, a path near the limit, capabilities. */
async function fillTree(directory: string): Promise<void> {
  mkdirSync(directory);
  await fillOddTree(directory);
  execFileSync('setfattr', ['-n', 'user.100%=all%3D', '-v', 'odd', join(directory, 'letters')]);
  execFileSync('bash', [
    '-c',
    'cd "$1"; for i in $(seq 15); do mkdir "$2"; cd "$2"; done; echo deep > file',
    'bash',
    directory,
    'd'.repeat(250),
  ]);
  if (!isRoot) return;
  writeFileSync(join(directory, 'capable'), 'x');
  execFileSync('setcap', ['cap_net_raw+ep', join(directory, 'capable')]);
  execFileSync('setfattr', ['-n', 'trusted.note', '-v', 'root only', join(directory, 'letters')]);
}

function sameButPipe(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !isPipe(line));
}

describe('a tree that was read and is restored', () => {
  test('is the same: names, bytes, holes, links, owners, modes, times, attributes', async () => {
    const original = join(base, 'data');
    await fillTree(original);
    const before = await treeContent(original);
    const recorded = await record(original);
    expect(await restoreRecorded(recorded, join(base, 'out'))).toEqual([]);
    expect(await treeContent(join(base, 'out/data'))).toEqual(sameButPipe(before));
    expect(statSync(join(base, 'out/data/sparse')).blocks).toBeLessThan(200);
    expect(await target.compare(join(base, 'out'), listing(recorded), signal)).toEqual({ compared: recorded.length, differences: [] });
  });

  test('is the same through a tar archive, also when GNU tar restores it', async () => {
    const original = join(base, 'data');
    await fillTree(original);
    const archive = await tarOf(original);
    await restoreTar(archive, join(base, 'out'));
    mkdirSync(join(base, 'gnu'));
    writeFileSync(join(base, 'archive.tar'), archive);
    execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--acls', '-xpf', join(base, 'archive.tar'), '-C', join(base, 'gnu')]);
    const expected = sameButPipe(await treeContent(original));
    expect(await treeContent(join(base, 'out/data'))).toEqual(expected);
    expect(await treeContent(join(base, 'gnu/data'))).toEqual(expected);
  });

  async function tarOf(path: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let total = 0;
    const window = new Uint8Array(100_000);
    const take = (bytes: Uint8Array): void => {
      chunks.push(Buffer.from(bytes));
      total += bytes.length;
    };
    const out: ContentSink = {
      write: take,
      window: () => window,
      filled: (sizeBytes) => take(window.subarray(0, sizeBytes)),
      beginContent: () => undefined,
      endContent: () => ({ sha256: undefined }),
      settleContent: () => Promise.resolve(),
    };
    const tar = new TarWriter(out);
    await readTree(path, tar.tree({ add: () => undefined }));
    await tar.end(total);
    return Buffer.concat(chunks);
  }

  async function restoreTar(archive: Buffer, directory: string): Promise<void> {
    await using writer = await target.open(directory, { owners: isRoot, durable: false });
    const reader = new TarReader({
      begin: (made) => writer.begin(made),
      write: (bytes) => writer.write(bytes),
      endFile: () => writer.endFile(),
    });
    await reader.push(archive);
    reader.end();
    await writer.finish();
  }
});

describe('writing', () => {
  test('counts entries and makes directories that the archive does not list', async () => {
    expect(
      await restore([
        { name: 'a/b/file', content: 'x' },
        { name: 'a/other', content: 'y' },
      ]),
    ).toEqual({ entries: 2, remarks: [] });
    expect(readFileSync(join(base, 'out/a/b/file'), 'utf8')).toBe('x');
    expect(statSync(join(base, 'out/a/b')).mode & 0o777).toBe(0o777 & ~process.umask());
  });

  test('is on stable storage when it is finished', async () => {
    await using writer = await target.open(join(base, 'out'), { owners: isRoot });
    await writer.begin(entry({ name: 'a' }));
    await writer.endFile();
    expect(await writer.finish()).toEqual({ entries: 1, remarks: [] });
  });

  test('goes back into a directory that it left, and leaves it as listed', async () => {
    await restore([
      { name: 'a', type: 'directory', mode: 0o500 },
      { name: 'a/one', content: '1' },
      { name: 'b', content: 'between' },
      { name: 'a/two', content: '2' },
    ]);
    expect(readdirSync(join(base, 'out/a'))).toEqual(['one', 'two']);
    expect(lstatSync(join(base, 'out/a'), { bigint: true })).toMatchObject({ mtimeNs: 1_000_000_000_000_000_000n });
    expect(statSync(join(base, 'out/a')).mode & 0o7777).toBe(0o500);
  });

  test('carries a large file in pieces of any size, and many small ones', async () => {
    const bytes = Buffer.alloc(5_000_001, 'holdfast');
    await using writer = await target.open(join(base, 'out'), { owners: isRoot, durable: false });
    await writer.begin(entry({ name: 'large', content: bytes }));
    for (let position = 0; position < bytes.length; position += 777_777) await writer.write(bytes.subarray(position, position + 777_777));
    await writer.endFile();
    for (let index = 0; index < 1500; index++) {
      await writer.begin(entry({ name: `many/${index}`, content: String(index) }));
      await writer.write(Buffer.from(String(index)));
      await writer.endFile();
    }
    expect(await writer.finish()).toEqual({ entries: 1501, remarks: [] });
    expect(readFileSync(join(base, 'out/large')).equals(bytes)).toBe(true);
    expect(readFileSync(join(base, 'out/many/1499'), 'utf8')).toBe('1499');
  });

  test('does not keep bytes that the caller uses again', async () => {
    await using writer = await target.open(join(base, 'out'), { owners: isRoot, durable: false });
    const bytes = Buffer.from('first');
    await writer.begin(entry({ name: 'a', content: 'first' }));
    await writer.write(bytes);
    bytes.fill(0);
    await writer.endFile();
    await writer.finish();
    expect(readFileSync(join(base, 'out/a'), 'utf8')).toBe('first');
  });

  test.runIf(isRoot)('takes over neither group nor ACL of the directory that it is given', async () => {
    const directory = join(base, 'out');
    mkdirSync(directory);
    execFileSync('chgrp', ['daemon', directory]);
    chmodSync(directory, 0o2775);
    execFileSync('setfacl', ['-d', '-m', 'u:daemon:rwx', directory]);
    await restore([
      { name: 'sub', type: 'directory', mode: 0o755 },
      { name: 'sub/file', content: 'x', mode: 0o640 },
    ]);
    for (const [name, mode] of [
      ['sub', 0o755],
      ['sub/file', 0o640],
    ] as const) {
      const { gid, mode: found } = statSync(join(directory, name));
      expect([gid, found & 0o7777]).toEqual([0, mode]);
      expect(execFileSync('getfattr', ['-m', '-', join(directory, name)], { encoding: 'utf8' })).toBe('');
    }
  });

  test('says what the file system did not take, once for each kind', async () => {
    const xattrs = new Map([['user.large', Buffer.alloc(60_000)]]);
    const given = ['a', 'b', 'c'].map((name) => ({ name, content: name, xattrs }));
    const { remarks } = await restore([...given, { name: 'd\n', content: 'd', xattrs: new Map([['nonsense', Buffer.from('x')]]) }]);
    expect(remarks).toEqual([
      expect.stringMatching(/^extended attribute user\.large could not be set \(E\w+\): "a" and 2 more$/),
      expect.stringMatching(/^extended attribute nonsense could not be set \(E\w+\): "d\\x0a"$/),
    ]);
    expect(readFileSync(join(base, 'out/c'), 'utf8')).toBe('c');
  });

  test.runIf(isRoot)('on a full drive fails as such and leaves nothing', async () => {
    const mount = join(base, 'mount');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'tmpfs', mount]);
    try {
      const given = Array.from({ length: 40 }, (_, index) => ({ name: `d/${index}`, content: Buffer.alloc(100_000) }));
      await expect(restore(given, join(mount, 'out'))).rejects.toThrow(expect.objectContaining({ code: 'SPACE_SHORT' }));
      expect(readdirSync(mount)).toEqual([]);
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});

describe('a directory to restore into', () => {
  test('that holds something is refused and left alone', async () => {
    writeFileSync(join(base, 'precious'), 'x');
    await expect(restore([{ name: 'a' }], base)).rejects.toThrow(expect.objectContaining({ code: 'TARGET_EXISTS' }));
    await expect(restore([{ name: 'a' }], join(base, 'precious'))).rejects.toThrow(expect.objectContaining({ code: 'TARGET_EXISTS' }));
    expect(readdirSync(base)).toEqual(['precious']);
  });

  test('below a file cannot be made', async () => {
    writeFileSync(join(base, 'file'), 'x');
    await expect(restore([{ name: 'a' }], join(base, 'file/out'))).rejects.toThrow(expect.objectContaining({ code: 'TARGET_FAILED' }));
  });

  test('is removed again when writing was not finished, with all that is in it', async () => {
    const writer = await target.open(join(base, 'deep/out'), { owners: isRoot, durable: false });
    for (const name of ['a/b/c', 'a/d']) {
      await writer.begin(entry({ name, type: 'directory', mode: 0o500 }));
    }
    await writer.begin(entry({ name: 'file', content: 'half' }));
    await writer.write(Buffer.from('ha'));
    await writer[Symbol.asyncDispose]();
    expect(readdirSync(join(base, 'deep'))).toEqual([]);
  });

  test('that was there and empty is empty again', async () => {
    mkdirSync(join(base, 'out'));
    await expect(restore([{ name: 'a', content: 'x' }, { name: '../b' }])).rejects.toThrow();
    expect(readdirSync(join(base, 'out'))).toEqual([]);
  });

  test('is for nobody else', async () => {
    await restore([{ name: 'a', content: 'x' }]);
    expect(statSync(join(base, 'out')).mode & 0o777).toBe(0o700);
  });
});

describe('an archive that was altered', () => {
  const corrupt = expect.objectContaining({ code: 'ARCHIVE_CORRUPT' });

  function outside(): string {
    const directory = join(base, 'outside');
    mkdirSync(directory);
    writeFileSync(join(directory, 'secret'), 'secret');
    return directory;
  }

  test.each(['../b', '/etc/b', 'a/../../b', 'a//b', 'a/./b', '', '.', 'a/', 'a\0b'])('cannot lead out by the path %j', async (name) => {
    await expect(restore([{ name, content: 'x' }])).rejects.toThrow(corrupt);
    expect(readdirSync(base)).toEqual([]);
  });

  test('cannot write through a symlink, before or after it is made', async () => {
    const link = { name: 'd/link', type: 'symlink', linkTarget: Buffer.from(outside()) } as const;
    for (const between of [[], [{ name: 'other', content: 'x' }]]) {
      await expect(restore([link, ...between, { name: 'd/link/planted', content: 'x' }])).rejects.toThrow(corrupt);
      await expect(restore([link, ...between, { name: 'd/link', content: 'x' }])).rejects.toThrow(corrupt);
    }
    expect(readdirSync(join(base, 'outside'))).toEqual(['secret']);
  });

  test('cannot link to a file outside, nor through a symlink', async () => {
    const directory = outside();
    for (const linkTarget of [`${directory}/secret`, '../outside/secret', 'd/link/secret', 'missing', 'd'])
      await expect(
        restore([
          { name: 'd/link', type: 'symlink', linkTarget: Buffer.from(directory) },
          { name: 'e', type: 'directory' },
          { name: 'hard', type: 'hardlink', linkTarget: Buffer.from(linkTarget) },
        ]),
      ).rejects.toThrow(corrupt);
    expect(statSync(join(directory, 'secret')).nlink).toBe(1);
  });

  test.each<[string, Given[]]>([
    [
      'file',
      [
        { name: 'a', content: '1' },
        { name: 'a', content: '2' },
      ],
    ],
    [
      'symlink',
      [
        { name: 'a', content: '1' },
        { name: 'a', type: 'symlink', linkTarget: Buffer.from('x') },
      ],
    ],
    ['hard link', [{ name: 'a', content: '1' }, { name: 'b' }, { name: 'b', type: 'hardlink', linkTarget: Buffer.from('a') }]],
    [
      'directory',
      [
        { name: 'a', content: '1' },
        { name: 'a', type: 'directory' },
      ],
    ],
  ])('cannot replace an entry with a second one: %s', async (_, given) => {
    await expect(restore(given)).rejects.toThrow(corrupt);
  });

  test('cannot give more or fewer bytes than it says', async () => {
    await using writer = await target.open(join(base, 'out'), { owners: isRoot, durable: false });
    await writer.begin(entry({ name: 'a', content: 'four' }));
    expect(() => writer.write(Buffer.from('five!'))).toThrow(corrupt);
    await writer.write(Buffer.from('two'));
    expect(() => writer.endFile()).toThrow(corrupt);
    await expect(writer.finish()).rejects.toThrow(corrupt);
  });
});

describe('comparing', () => {
  const given: readonly Given[] = [
    { name: 'd', type: 'directory', mode: 0o755 },
    { name: 'd/file', content: 'content' },
    { name: 'd/hard', type: 'hardlink', linkTarget: Buffer.from('d/file') },
    { name: 'd/link', type: 'symlink', linkTarget: Buffer.from('file') },
  ];

  function listed(): AsyncGenerator<ListedEntry> {
    return listing(
      given.map((item) => ({ entry: entry(item), path: item.name, content: Buffer.from(item.content ?? ''), state: 'whole' })),
    );
  }

  async function differencesAfter(change: (out: string) => void): Promise<readonly string[]> {
    await restore(given);
    change(join(base, 'out/d'));
    return (await target.compare(join(base, 'out'), listed(), signal)).differences;
  }

  /** Changes a file and sets its time back. */
  function quietly(path: string, change: () => void): void {
    change();
    utimesSync(path, 1e9, 1e9);
  }

  test('finds nothing when all is as listed', async () => {
    expect(await differencesAfter(() => undefined)).toEqual([]);
  });

  test.each<[string, string, (d: string) => void]>([
    ['other bytes', '"d/file" has other content', (d) => quietly(join(d, 'file'), () => writeFileSync(join(d, 'file'), 'CONTENT'))],
    ['another size', '"d/file" has 3 bytes, not 7', (d) => quietly(join(d, 'file'), () => writeFileSync(join(d, 'file'), 'abc'))],
    ['another mode', '"d/file" has permissions 0600, not 0644', (d) => chmodSync(join(d, 'file'), 0o600)],
    [
      'another time',
      '"d/file" has the time 1970-01-01T00:00:05.000000000Z, not 2001-09-09T01:46:40.000000000Z',
      (d) => utimesSync(join(d, 'file'), 5, 5),
    ],
    ['a missing file', '"d/hard" is missing', (d) => unlinkSync(join(d, 'hard'))],
    ['another type', '"d/link" is a directory, not a symlink', (d) => (unlinkSync(join(d, 'link')), mkdirSync(join(d, 'link')))],
    [
      'another link',
      '"d/link" points to "elsewhere", not to "file"',
      (d) => (unlinkSync(join(d, 'link')), symlinkSync('elsewhere', join(d, 'link'))),
    ],
    [
      'a copy for a hard link',
      '"d/hard" is not the same file as "d/file"',
      (d) => (unlinkSync(join(d, 'hard')), execFileSync('cp', ['-p', join(d, 'file'), join(d, 'hard')])),
    ],
  ])('finds %s', async (_, expected, change) => {
    expect(await differencesAfter(change)).toContain(expected);
  });

  test('counts what it does not list', async () => {
    mkdirSync(join(base, 'out'));
    const many = Array.from({ length: 1500 }, (_, index) => ({
      entry: entry({ name: `f${index}` }),
      path: '',
      content: Buffer.alloc(0),
      state: 'whole' as const,
    }));
    const { compared, differences } = await target.compare(join(base, 'out'), listing(many), signal);
    expect(compared).toBe(1500);
    expect([differences[0], differences[999], differences[1000]]).toEqual([
      '"f0" is missing',
      '"f999" is missing',
      '500 more differences that are not listed',
    ]);
  });

  test('stops when it is told to', async () => {
    await restore(given);
    const abort = new AbortController();
    async function* endless(): AsyncGenerator<ListedEntry> {
      for (let index = 0; ; index++) {
        if (index === 2000) abort.abort();
        yield* listed();
      }
    }
    await expect(target.compare(join(base, 'out'), endless(), abort.signal)).rejects.toThrow(
      expect.objectContaining({ code: 'CANCELLED' }),
    );
  });
});

describe('putting restored trees into place', () => {
  function tree(path: string, content: string): string {
    mkdirSync(join(base, path), { recursive: true });
    writeFileSync(join(base, path, 'file'), content);
    return join(base, path);
  }

  function contentOf(path: string): string {
    return readFileSync(join(path, 'file'), 'utf8');
  }

  /** A restored tree `path` in a staging directory of `place`. */
  async function staged(place: string, path: string, content: string) {
    const { directory, [Symbol.asyncDispose]: dispose } = await target.stage(join(base, place), 'x');
    mkdirSync(join(directory, path), { recursive: true });
    writeFileSync(join(directory, path, 'file'), content);
    return { staging: directory, path, to: join(base, place), [Symbol.asyncDispose]: dispose };
  }

  test('keeps what stood there under a dated name', async () => {
    const to = tree('live', 'old');
    {
      await using move = await staged('live', 'files/live', 'restored');
      const { trees } = await target.promote([move], '20260102-030405');
      expect(trees).toMatchObject([{ to, kept: join(base, 'live.before-restore-20260102-030405') }]);
      expect([contentOf(to), contentOf(trees[0]!.kept!)]).toEqual(['restored', 'old']);
    }
    expect(readdirSync(base).toSorted()).toEqual(['live', 'live.before-restore-20260102-030405']);
  });

  test('tells what only the kept copy has, a directory as one', async () => {
    const to = tree('live', 'old');
    for (const name of ['cache/deep', 'sub/only-old', 'sub/both']) mkdirSync(join(to, name), { recursive: true });
    for (const name of ['\u00e4', 'cache/deep/file', 'z1', 'z2', 'z3', 'z4']) writeFileSync(join(to, name), '');
    execFileSync('mkfifo', [join(to, 'app.sock')]);
    await using move = await staged('live', 'live', 'restored');
    mkdirSync(join(move.staging, 'live/sub/both'), { recursive: true });
    mkdirSync(join(move.staging, 'live/new'));
    const [moved] = (await target.promote([move], 'x')).trees;
    expect(await target.leftBehind(moved!.kept!, to)).toEqual({ count: 8, paths: ['app.sock', 'cache', 'z1', 'z2', 'z3'] });
    expect(existsSync(join(moved!.kept!, 'cache/deep/file'))).toBe(true);
    expect(await target.leftBehind(to, to)).toEqual({ count: 0, paths: [] });
  });

  test('makes way for a tree whose place is gone', async () => {
    await using move = await staged('gone/live', 'live', 'restored');
    expect((await target.promote([move], 'x')).trees).toMatchObject([{ to: join(base, 'gone/live'), kept: null }]);
    expect(contentOf(join(base, 'gone/live'))).toBe('restored');
  });

  test('never takes a name that is in use', async () => {
    tree('live', 'old');
    tree('live.before-restore-x', 'older');
    await using move = await staged('live', 'live', 'restored');
    const [moved] = (await target.promote([move], 'x')).trees;
    expect(moved?.kept).toBe(join(base, 'live.before-restore-x-2'));
    expect(contentOf(join(base, 'live.before-restore-x'))).toBe('older');
  });

  test('puts single files into place too', async () => {
    tree('live', 'old');
    await using move = await staged('live/file', 'live', 'restored');
    await target.promote([{ ...move, path: 'live/file' }], 'x');
    expect([contentOf(join(base, 'live')), readFileSync(join(base, 'live/file.before-restore-x'), 'utf8')]).toEqual(['restored', 'old']);
  });

  test('leaves a symlink that stands for the place, and replaces what it points to', async () => {
    const real = tree('real', 'old');
    symlinkSync('real', join(base, 'live'));
    await using move = await staged('live', 'live', 'restored');
    await target.promote([move], 'x');
    expect([readlinkSync(join(base, 'live')), contentOf(real)]).toEqual(['real', 'restored']);
  });

  test('undoes everything when one of them fails', async () => {
    const [one, two] = [tree('one', 'old one'), tree('two', 'old two')];
    {
      await using first = await staged('one', 'one', 'new one');
      await using second = await staged('two', 'two', 'new two');
      const moves = [first, { ...second, path: 'never-restored' }];
      await expect(target.promote(moves, 'x')).rejects.toThrow(expect.objectContaining({ code: 'TARGET_FAILED' }));
      expect([contentOf(one), contentOf(two), contentOf(join(first.staging, 'one'))]).toEqual(['old one', 'old two', 'new one']);
    }
    expect(readdirSync(base).toSorted()).toEqual(['one', 'two']);
  });

  test('is undone as a whole, and by hand with the commands that it tells', async () => {
    const [live, gone] = [tree('live', 'old'), join(base, 'gone')];
    const before = await treeContent(base);
    {
      await using one = await staged('live', 'live', 'new');
      await using two = await staged('gone', 'gone', 'new');
      const { undo } = await target.promote([one, two], 'x');
      expect([contentOf(live), contentOf(gone)]).toEqual(['new', 'new']);
      undo();
      expect([contentOf(live), existsSync(gone)]).toEqual(['old', false]);
    }
    expect((await treeContent(base)).slice(1)).toEqual(before.slice(1));

    await using again = await staged('live', 'live', 'new');
    const { trees } = await target.promote([again], 'x');
    execFileSync('sh', ['-c', trees[0]!.undoCommand]);
    expect([contentOf(live), contentOf(`${live}.restored`)]).toEqual(['old', 'new']);
  });

  test('that can neither go on nor back removes nothing, and says so', async () => {
    const live = tree('live', 'old');
    {
      await using move = await staged('live', 'live', 'new');
      const { undo, trees } = await target.promote([move], 'x');
      renameSync(trees[0]!.kept!, join(base, 'moved-by-somebody'));
      expect(undo).toThrow(expect.objectContaining({ code: 'RESTORE_HALF_DONE' }));
    }
    const left = readdirSync(base, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('file'));
    expect(left.map((name) => readFileSync(join(base, name), 'utf8')).toSorted()).toEqual(['new', 'old']);
    expect(existsSync(live) || left.some((name) => name.includes('holdfast-promoting'))).toBe(true);
  });

  describe('a directory beside the place', () => {
    test('is made for a place that is not there too, and goes with what is in it', async () => {
      tree('live', 'x');
      for (const [place, directory] of [
        ['live', '.live.holdfast-staging-L'],
        ['gone/live', 'gone/.live.holdfast-staging-L'],
      ] as const) {
        const staging = await target.stage(join(base, place), 'L');
        expect(staging.directory).toBe(join(base, directory));
        mkdirSync(join(staging.directory, 'sub'), { mode: 0o500 });
        writeFileSync(Buffer.from(join(staging.directory, '\xff'), 'latin1'), 'x');
        await staging[Symbol.asyncDispose]();
        expect(existsSync(staging.directory)).toBe(false);
      }
    });

    test('that an interrupted restore left is removed, unless a rename had begun', async () => {
      tree('live', 'x');
      tree('.live.holdfast-staging-K/live', 'half restored');
      tree('.live.holdfast-promoting-J/live', 'stood there');
      mkdirSync(join(base, '.live.holdfast-promoting-I/files'), { recursive: true });
      tree('.other.holdfast-staging-K', 'of another place');
      await using running = await target.stage(join(base, 'live'), 'L');
      expect(readdirSync(base).toSorted()).toEqual([
        '.live.holdfast-promoting-J',
        '.live.holdfast-staging-L',
        '.other.holdfast-staging-K',
        'live',
      ]);
      expect(JSON.stringify(log.lines)).toContain('.live.holdfast-promoting-J');

      writeFileSync(join(running.directory, 'in use'), '');
      await using second = await target.stage(join(base, 'live'), 'L');
      expect(second.directory).toBe(`${running.directory}-2`);
      expect(readdirSync(running.directory)).toEqual(['in use']);
    });
  });

  describe.runIf(isRoot)('when the place is a mount point', () => {
    beforeEach(() => {
      mkdirSync(join(base, 'mounted'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', join(base, 'mounted')]);
    });
    afterEach(() => void execFileSync('umount', [join(base, 'mounted')]));

    test('is staged within it, and its content is exchanged', async () => {
      const to = tree('mounted', 'old');
      {
        await using move = await staged('mounted', 'mounted/sub', 'restored');
        expect(move.staging).toBe(join(to, '.mounted.holdfast-staging-x'));
        chmodSync(join(move.staging, 'mounted'), 0o750);
        utimesSync(join(move.staging, 'mounted'), 1e9, 1e9);
        const { trees } = await target.promote([{ ...move, path: 'mounted' }], 'x');
        expect(trees).toMatchObject([{ to, kept: join(to, '.before-restore-x') }]);
        expect([contentOf(join(to, 'sub')), contentOf(join(to, '.before-restore-x'))]).toEqual(['restored', 'old']);
        expect(statSync(to)).toMatchObject({ mtimeMs: 1e12 });
        expect(statSync(to).mode & 0o7777).toBe(0o750);
      }
      expect(readdirSync(to).toSorted()).toEqual(['.before-restore-x', 'sub']);
    });

    test('is as it was when it is undone, and by hand', async () => {
      const to = tree('mounted', 'old');
      {
        await using move = await staged('mounted', 'mounted', 'restored');
        const before = await treeContent(to);
        const { undo } = await target.promote([move], 'x');
        undo();
        const live = (lines: string[]) => lines.filter((line) => !line.startsWith('"') || line.startsWith('"file"'));
        expect(live(await treeContent(to))).toEqual(live(before));
      }
      expect([readdirSync(to), statSync(to).mode & 0o7777]).toEqual([['file'], 0o755]);
      const move = await staged('mounted', 'mounted', 'restored');
      const { trees } = await target.promote([move], 'x');
      await move[Symbol.asyncDispose]();
      execFileSync('sh', ['-c', trees[0]!.undoCommand]);
      expect([contentOf(to), contentOf(join(to, '.restored'))]).toEqual(['old', 'restored']);
    });

    test('cannot be filled from another file system, and is as it was', async () => {
      const to = tree('mounted', 'old');
      await using move = await staged('elsewhere', 'mounted', 'restored');
      await expect(target.promote([{ ...move, to }], 'x')).rejects.toThrow(expect.objectContaining({ code: 'TARGET_FAILED' }));
      expect([readdirSync(to), contentOf(to), contentOf(join(move.staging, 'mounted'))]).toEqual([['file'], 'old', 'restored']);
    });
  });
});
