import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Posix } from './posix.ts';
import { loadPosix } from './posix.ts';

let directory: string;
let posix: Posix;

beforeAll(async () => {
  // Not /tmp, which may be a tmpfs of a kernel without user attributes.
  directory = mkdtempSync(join(process.env['TMPDIR'] ?? '/var/tmp', 'holdfast-posix-'));
  const loaded = await loadPosix();
  if (loaded === undefined) throw new Error(`no C library calls in ${tmpdir()}`);
  posix = loaded;
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function made(name: string, content = ''): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe('extended attributes', () => {
  test('come back with every byte, by descriptor and by path', () => {
    const path = made('attributes');
    const value = Buffer.from([0, 1, 255, 10]);
    posix.writeXattr(Buffer.from(path), 'user.raw', value);
    posix.writeXattr(Buffer.from(path), 'user.empty', Buffer.alloc(0));
    const fd = openSync(path, 'r');
    const byDescriptor = posix.readXattrs(fd);
    closeSync(fd);
    expect(byDescriptor).toEqual(posix.readXattrs(Buffer.from(path)));
    expect(Buffer.from(byDescriptor.get('user.raw') ?? [])).toEqual(value);
    expect(byDescriptor.get('user.empty')).toHaveLength(0);
    expect(spawnSync('getfattr', ['--only-values', '-n', 'user.raw', path]).stdout).toEqual(value);
  });

  test('of a file without any are none', () => {
    expect(posix.readXattrs(Buffer.from(made('plain'))).size).toBe(0);
  });

  test('are removed, also when they are not there', () => {
    const path = Buffer.from(made('removed'));
    posix.writeXattr(path, 'user.a', Buffer.from('x'));
    posix.removeXattr(path, 'user.a');
    posix.removeXattr(path, 'user.a');
    expect(posix.readXattrs(path).size).toBe(0);
  });

  test('are those of a symlink, not of what it points to', () => {
    const target = made('pointed-to');
    posix.writeXattr(Buffer.from(target), 'user.a', Buffer.from('x'));
    symlinkSync(target, join(directory, 'link'));
    expect(posix.readXattrs(Buffer.from(join(directory, 'link'))).size).toBe(0);
  });

  test('of a file that is gone throw the errno name', () => {
    expect(() => posix.readXattrs(Buffer.from(join(directory, 'gone')))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('refuse a name with a zero byte instead of using what stands before it', () => {
    expect(() => posix.readXattrs(Buffer.from(`${made('zero')}\0more`))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe('times', () => {
  test.each([0n, 1n, -1n, -1_500_000_000n, 1_700_000_000_123_456_789n])('%s ns is set exactly, by descriptor and by path', (mtimeNs) => {
    const path = made('timed');
    posix.setMtime(Buffer.from(path), mtimeNs);
    expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(mtimeNs);
    posix.setMtime(Buffer.from(path), 5n);
    const fd = openSync(path, 'r');
    posix.setMtime(fd, mtimeNs);
    closeSync(fd);
    expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(mtimeNs);
  });

  test('of a symlink are its own', () => {
    const path = join(directory, 'dangling');
    symlinkSync('nowhere', path);
    posix.setMtime(Buffer.from(path), 42n);
    expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(42n);
  });

  test('of access stay', () => {
    const path = made('accessed');
    const before = lstatSync(path, { bigint: true }).atimeNs;
    posix.setMtime(Buffer.from(path), 42n);
    expect(lstatSync(path, { bigint: true }).atimeNs).toBe(before);
  });
});

describe('data extents', () => {
  const block = 65_536;

  function sparse(name: string, blocks: readonly number[], sizeBlocks: number): number {
    const fd = openSync(join(directory, name), 'w+');
    for (const at of blocks) writeSync(fd, Buffer.alloc(block, 1), 0, block, at * block);
    ftruncateSync(fd, sizeBlocks * block);
    fsyncSync(fd);
    return fd;
  }

  test.each([
    { name: 'start', blocks: [1], size: 2, extents: [[1, 1]] },
    {
      name: 'middle',
      blocks: [0, 2],
      size: 3,
      extents: [
        [0, 1],
        [2, 1],
      ],
    },
    { name: 'end', blocks: [0], size: 2, extents: [[0, 1]] },
    { name: 'everywhere', blocks: [], size: 4, extents: [] },
  ])('with a hole at the $name', ({ name, blocks, size, extents }) => {
    const fd = sparse(name, blocks, size);
    const found = posix.dataExtents(fd, { sizeBytes: size * block, leastHoleBytes: 0 });
    closeSync(fd);
    expect(found).toEqual(extents.map(([offset, length]) => ({ offset: offset! * block, sizeBytes: length! * block })));
  });

  test('join over holes that are too small to keep', () => {
    const fd = sparse('small-holes', [0, 2, 9], 10);
    const found = posix.dataExtents(fd, { sizeBytes: 10 * block, leastHoleBytes: 2 * block });
    closeSync(fd);
    expect(found).toEqual([
      { offset: 0, sizeBytes: 3 * block },
      { offset: 9 * block, sizeBytes: block },
    ]);
  });

  test('end where the size that is asked for ends', () => {
    const fd = sparse('longer', [0, 1], 2);
    const found = posix.dataExtents(fd, { sizeBytes: 100, leastHoleBytes: 0 });
    closeSync(fd);
    expect(found).toEqual([{ offset: 0, sizeBytes: 100 }]);
  });
});

test('two paths are exchanged in one step', () => {
  const [one, other] = [made('one', '1'), made('other', '2')];
  expect(posix.exchange(Buffer.from(one), Buffer.from(other))).toBe(true);
  expect(readFileSync(one, 'utf8') + readFileSync(other, 'utf8')).toBe('21');
  expect(() => posix.exchange(Buffer.from(one), Buffer.from(join(directory, 'gone')))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test('a directory is locked until it is closed', () => {
  const path = join(directory, 'locked');
  mkdirSync(path);
  const [holder, other] = [openSync(path, 'r'), openSync(path, 'r')];
  expect(posix.tryLock(holder)).toBe(true);
  expect(posix.tryLock(other)).toBe(false);
  closeSync(holder);
  expect(posix.tryLock(other)).toBe(true);
  closeSync(other);
});

test('flushing and reading ahead work on open files and fail on closed ones', () => {
  const fd = openSync(made('flushed', 'x'), 'r');
  posix.syncFileSystem(fd);
  posix.readAhead(fd, 1);
  closeSync(fd);
  expect(() => posix.syncFileSystem(-1)).toThrow(expect.objectContaining({ code: 'EBADF' }));
});

test('memory can be had whose address is a multiple of a page', () => {
  for (const sizeBytes of [1, 8192, 1 << 20]) {
    const memory = posix.alignedBuffer(sizeBytes, 4096);
    expect(memory.length).toBe(sizeBytes);
    expect(koffi.address(memory) % 4096n).toBe(0n);
  }
});
