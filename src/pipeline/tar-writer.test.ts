import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TreeEntry } from '../domain/tree-entry.ts';
import type { ContentDigest } from '../ports/digester.ts';
import type { ContentSink } from './block-assembler.ts';
import { aclFromText } from './posix-acl.ts';
import { TarReader } from './tar-reader.ts';
import { TarWriter } from './tar-writer.ts';

interface Member {
  readonly entry: TreeEntry;
  readonly data: Buffer;
}

class Collected implements ContentSink {
  readonly #room = Buffer.alloc(64 * 1024);
  readonly #chunks: Buffer[] = [];
  #content: number | undefined;
  write(bytes: Uint8Array): void {
    this.#chunks.push(Buffer.from(bytes));
  }
  window(): Uint8Array {
    return this.#room;
  }
  filled(sizeBytes: number): void {
    this.#chunks.push(Buffer.from(this.#room.subarray(0, sizeBytes)));
  }
  beginContent(): void {
    this.#content = this.bytes().length;
  }
  endContent(): ContentDigest {
    return { sha256: createHash('sha256').update(this.bytes().subarray(this.#content)).digest('hex') };
  }
  settleContent(): Promise<void> {
    return Promise.resolve();
  }
  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

function entry(path: string | Buffer, changes: Partial<TreeEntry> = {}): TreeEntry {
  return {
    type: 'file',
    path: Buffer.from(path as string),
    sizeBytes: 0,
    mode: 0o644,
    uid: 0,
    gid: 0,
    user: 'root',
    group: 'root',
    mtimeNs: 1_700_000_000_000_000_000n,
    linkTarget: Buffer.alloc(0),
    xattrs: new Map(),
    ...changes,
  };
}

function file(path: string | Buffer, content: string | Buffer, changes: Partial<TreeEntry> = {}): Member {
  const data = Buffer.from(content as string);
  return { entry: entry(path, { sizeBytes: data.length, ...changes }), data };
}

async function archive(members: readonly Member[]): Promise<{ readonly tar: Buffer; readonly digests: Map<string, string> }> {
  const out = new Collected();
  const tar = new TarWriter(out);
  const digests = new Map<string, string>();
  const sink = tar.tree({ add: (listed, digest) => void digests.set(Buffer.from(listed.path).toString('latin1'), digest?.sha256 ?? '') });
  for (const { entry: described, data } of members) {
    await sink.begin(described);
    if (described.type !== 'file') continue;
    if (data.length > 0) await sink.write(data);
    await sink.endFile('whole');
  }
  await tar.end(out.bytes().length);
  return { tar: out.bytes(), digests };
}

async function read(tar: Buffer, chunkBytes = 7000): Promise<Member[]> {
  const members: { entry: TreeEntry; chunks: Buffer[] }[] = [];
  const reader = new TarReader({
    begin: (begun) => void members.push({ entry: begun, chunks: [] }),
    write: (bytes) => void members.at(-1)!.chunks.push(Buffer.from(bytes)),
    endFile: () => undefined,
  });
  for (let position = 0; position < tar.length; position += chunkBytes) {
    const chunk = Buffer.from(tar.subarray(position, position + chunkBytes));
    await reader.push(chunk);
    // Whoever pushed it uses its memory anew.
    chunk.fill(0xee);
  }
  reader.end();
  return members.map(({ entry: found, chunks }) => ({ entry: found, data: Buffer.concat(chunks) }));
}

/** Extracts with GNU tar and hands over the directory. */
async function withGnuTar(members: readonly Member[], check: (directory: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tar-writer-'));
  try {
    writeFileSync(join(directory, 'a.tar'), (await archive(members)).tar);
    const messages = execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--acls', '-xpf', 'a.tar'], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(messages.toString()).toBe('');
    check(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe('GNU tar reads what TarWriter writes', () => {
  it('files, directories, links, long and odd names, nanosecond times and special modes', async () => {
    const longName = `${'d'.repeat(90)}/${'e'.repeat(120)}/${'f'.repeat(200)}`;
    const odd = Buffer.from('odd\n\xff\xfe name', 'latin1');
    const members: Member[] = [
      { entry: entry('top', { type: 'directory', mode: 0o1755, mtimeNs: 1_600_000_000_123_456_789n }), data: Buffer.alloc(0) },
      file('top/hello.txt', 'hello\n', { mode: 0o4711, mtimeNs: 1_699_999_999_987_654_321n }),
      file('top/empty', ''),
      file(Buffer.concat([Buffer.from('top/'), odd]), 'odd'),
      file(`top/${longName}`, 'long'),
      file('top/before-1970', 'old', { mtimeNs: -1_500_000_000n }),
      { entry: entry('top/link', { type: 'symlink', linkTarget: Buffer.from('x'.repeat(150)) }), data: Buffer.alloc(0) },
      { entry: entry('top/hard', { type: 'hardlink', linkTarget: Buffer.from('top/hello.txt') }), data: Buffer.alloc(0) },
    ];
    await withGnuTar(members, (directory) => {
      const at = (path: string | Buffer): Buffer => Buffer.concat([Buffer.from(`${directory}/top/`), Buffer.from(path as string)]);
      expect(readFileSync(at('hello.txt'), 'utf8')).toBe('hello\n');
      expect(statSync(at('hello.txt'), { bigint: true }).mtimeNs).toBe(1_699_999_999_987_654_321n);
      expect(statSync(at('hello.txt')).mode & 0o7777).toBe(0o4711);
      expect(statSync(at('')).mode & 0o7777).toBe(0o1755);
      expect(statSync(at(''), { bigint: true }).mtimeNs).toBe(1_600_000_000_123_456_789n);
      expect(readFileSync(at(odd), 'utf8')).toBe('odd');
      expect(readFileSync(at(longName), 'utf8')).toBe('long');
      expect(lstatSync(at('before-1970'), { bigint: true }).mtimeNs).toBe(-1_500_000_000n);
      expect(readlinkSync(at('link'))).toBe('x'.repeat(150));
      expect(statSync(at('hard')).ino).toBe(statSync(at('hello.txt')).ino);
    });
  });

  it('sparse files with holes at the start, in the middle and at the end', async () => {
    const extents = [
      { offset: 1 << 20, sizeBytes: 4096 },
      { offset: 3 << 20, sizeBytes: 5000 },
    ];
    const data = Buffer.alloc(9096, 'x');
    const sizeBytes = 5 << 20;
    await withGnuTar([{ entry: entry('sparse', { sizeBytes, extents, mtimeNs: 1_700_000_000_000_000_001n }), data }], (directory) => {
      const path = join(directory, 'sparse');
      const expected = Buffer.alloc(sizeBytes);
      data.copy(expected, 1 << 20, 0, 4096);
      data.copy(expected, 3 << 20, 4096);
      expect(readFileSync(path).equals(expected)).toBe(true);
      expect(statSync(path).blocks * 512).toBeLessThan(1 << 20);
    });
  });

  it('extended attributes and ACLs', async () => {
    const acl = aclFromText('user::rw-,user:12345:r--,group::r--,mask::r--,other::---');
    const xattrs = new Map<string, Uint8Array>([
      ['user.colour', Buffer.from([0, 1, 2, 255])],
      ['system.posix_acl_access', acl],
    ]);
    await withGnuTar([file('attributed', 'x', { mode: 0o640, xattrs })], (directory) => {
      const path = join(directory, 'attributed');
      expect(execFileSync('getfattr', ['-n', 'user.colour', '-e', 'hex', '--only-values', '--absolute-names', path])).toEqual(
        Buffer.from([0, 1, 2, 255]),
      );
      expect(execFileSync('getfacl', ['-n', '--absolute-names', path]).toString()).toContain('user:12345:r--');
    });
  });

  it('files of more than 8 GiB, by their announced size', async () => {
    const out = new Collected();
    await new TarWriter(out).tree({ add: () => undefined }).begin(entry('huge', { sizeBytes: 9 * 2 ** 30 }));
    const { stdout } = spawnSync('tar', ['-tvf', '-'], { input: Buffer.concat([out.bytes(), Buffer.alloc(1024)]), encoding: 'utf8' });
    expect(stdout).toContain(` ${9 * 2 ** 30} `);
  });
});

describe('TarReader reads what TarWriter writes', () => {
  const path = fc.array(fc.stringMatching(/^[a-zé\n .-]{1,60}$/), { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
  const member = fc.record({
    path,
    data: fc.uint8Array({ maxLength: 3000 }),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 4_000_000_000 }),
    mtimeNs: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 20n }),
    xattr: fc.option(fc.uint8Array({ maxLength: 50 })),
  });

  it('any entry comes back as it was, whatever the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(member, { maxLength: 6 }), fc.integer({ min: 1, max: 5000 }), async (described, chunkBytes) => {
        const members = described.map(({ path: at, data, mode, uid, mtimeNs, xattr }) =>
          file(at, Buffer.from(data), {
            mode,
            uid,
            mtimeNs,
            xattrs: xattr === null ? new Map() : new Map([['user.x', Buffer.from(xattr)]]),
          }),
        );
        const { tar, digests } = await archive(members);
        const found = await read(tar, chunkBytes);
        expect(found.map(({ entry: { path: at, ...rest }, data }) => ({ at: Buffer.from(at).toString(), rest, data }))).toEqual(
          members.map(({ entry: { path: at, ...rest }, data }) => ({ at: Buffer.from(at).toString(), rest, data })),
        );
        for (const {
          entry: { path: at },
          data,
        } of members) {
          const last = members.findLast((candidate) => Buffer.compare(candidate.entry.path, at) === 0);
          if (last?.data === data)
            expect(digests.get(Buffer.from(at).toString('latin1'))).toBe(createHash('sha256').update(data).digest('hex'));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('sparse extents come back, and the digest is that of the whole file', async () => {
    const extents = Array.from({ length: 60 }, (_, index) => ({ offset: index * 102_400, sizeBytes: 512 * (1 + (index % 7)) }));
    const data = Buffer.alloc(
      extents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      'y',
    );
    const sizeBytes = 60 * 102_400;
    const { tar, digests } = await archive([{ entry: entry('sparse', { sizeBytes, extents }), data }, file('after', 'x')]);
    const whole = Buffer.alloc(sizeBytes);
    for (const { offset, sizeBytes: length } of extents) whole.fill('y', offset, offset + length);
    expect(digests.get('sparse')).toBe(createHash('sha256').update(whole).digest('hex'));
    const [sparse, after] = await read(tar, 333);
    expect(sparse?.entry.extents).toEqual(extents);
    expect(sparse?.data.equals(data)).toBe(true);
    expect(after?.data.toString()).toBe('x');
  });

  it('one thing is done with before the next is told, also of an empty file at the very end of a chunk', async () => {
    const { tar } = await archive([file('a', 'x'), file('empty', ''), file('b', 'y')]);
    const told: string[] = [];
    const slowly = async (what: string): Promise<void> => {
      told.push(what);
      await nextTurn();
      told.push('done');
    };
    const reader = new TarReader({
      begin: (begun) => slowly(`begin ${Buffer.from(begun.path).toString()}`),
      write: (bytes) => slowly(`write ${Buffer.from(bytes).toString()}`),
      endFile: () => slowly('end'),
    });
    const endOfEmpty = 3 * 512;
    await reader.push(tar.subarray(0, endOfEmpty));
    const first = ['begin a', 'write x', 'end', 'begin empty', 'end'].flatMap((what) => [what, 'done']);
    expect(told).toEqual(first);
    await reader.push(tar.subarray(endOfEmpty));
    reader.end();
    expect(told).toEqual([...first, ...['begin b', 'write y', 'end'].flatMap((what) => [what, 'done'])]);
  });

  it('an archive cut anywhere, or with a header changed, is refused', async () => {
    const { tar } = await archive([file('a', 'x'.repeat(2000), { mtimeNs: 1n }), file('b', 'y')]);
    for (let length = 0; length < tar.length - 10_000; length += 97)
      await expect(read(tar.subarray(0, length))).rejects.toThrow(/stops before its end/);
    const changed = Buffer.from(tar);
    changed[1024 + 100]! ^= 1;
    await expect(read(changed)).rejects.toThrow(/wrong checksum/);
  });
});

describe('TarWriter', () => {
  it('fills up a file that came short, and marks it damaged', async () => {
    const out = new Collected();
    const damaged: boolean[] = [];
    const tar = new TarWriter(out);
    const sink = tar.tree({ add: (_entry, _sha256, isDamaged) => void damaged.push(isDamaged) });
    await sink.begin(entry('short', { sizeBytes: 100_000 }));
    await sink.write(Buffer.from('only this'));
    await sink.endFile('short');
    await sink.begin(entry('next', { sizeBytes: 1 }));
    await sink.write(Buffer.from('n'));
    await sink.endFile('whole');
    await tar.end(out.bytes().length);
    const [short, next] = await read(out.bytes());
    expect(damaged).toEqual([true, false]);
    expect(short?.data.length).toBe(100_000);
    expect(short?.data.subarray(0, 9).toString()).toBe('only this');
    expect(next?.data.toString()).toBe('n');
  });

  it('refuses more bytes than were announced', async () => {
    const sink = new TarWriter(new Collected()).tree({ add: () => undefined });
    await sink.begin(entry('small', { sizeBytes: 1 }));
    expect(() => sink.write(Buffer.from('two'))).toThrow(/more bytes than its announced size/);
  });

  it('refuses sparse extents that GNU tar would read shifted', async () => {
    const extents = [
      { offset: 0, sizeBytes: 100 },
      { offset: 4096, sizeBytes: 1 },
    ];
    const sink = new TarWriter(new Collected()).tree({ add: () => undefined });
    expect(() => sink.begin(entry('sparse', { sizeBytes: 8192, extents }))).toThrow(/multiple of 512/);
  });

  it('writes archives that GNU tar lists to the end without a complaint', async () => {
    const { tar } = await archive([file('a', 'x')]);
    expect(tar.length % 10_240).toBe(0);
    expect(execFileSync('tar', ['-tf', '-'], { input: tar }).toString()).toBe('a\n');
  });
});
