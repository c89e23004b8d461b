import { type BigIntStats, linkSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canMount, loopFileSystem } from '../../../test/fixtures/loop-file-system.ts';
import { HardLinks } from './hard-links.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hf-hard-links-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const archivePath = Buffer.from('tree/first');

/** A file with so many names; the first is in the directory as `name`. */
function file(into: string, name: string, names = 2): BigIntStats {
  const path = join(into, name);
  writeFileSync(path, name);
  for (let index = 1; index < names; index++) linkSync(path, `${path}.${index}`);
  return statsOf(into, name);
}

const statsOf = (into: string, name: string): BigIntStats => lstatSync(join(into, name), { bigint: true });

describe('hard links', () => {
  test('are known by another name of the same file, as often as it has names', () => {
    const links = new HardLinks();
    const stats = file(directory, 'a', 3);
    expect(links.carrierOf(stats)).toBeUndefined();
    links.remember(stats, archivePath);
    expect(links.carrierOf(statsOf(directory, 'a.1'))).toBe(archivePath);
    expect(links.carrierOf(statsOf(directory, 'a.2'))).toBe(archivePath);
    expect(links.carrierOf(statsOf(directory, 'a.2'))).toBeUndefined();
  });

  test('are still known when somebody makes further names meanwhile', () => {
    const links = new HardLinks();
    links.remember(file(directory, 'a'), archivePath);
    linkSync(join(directory, 'a'), join(directory, 'made-meanwhile'));
    expect(links.carrierOf(statsOf(directory, 'a.1'))).toBe(archivePath);
  });

  test('are not taken from a file that is gone by one that was given its inode', async (context) => {
    if (!canMount('ext4')) return context.skip('needs root, loop devices and mkfs.ext4');
    // ext4 hands out the lowest free inode: the very next file gets it.
    await using disk = await loopFileSystem('ext4', { sizeMiB: 8 });
    const links = new HardLinks();
    const gone = file(disk.path, 'a');
    links.remember(gone, archivePath);
    for (const name of ['a', 'a.1']) rmSync(join(disk.path, name));
    // Older kernels count file times in steps of some milliseconds.
    for (let count = 0; file(directory, `later${count}`).birthtimeNs <= gone.birthtimeNs; count++);
    const made = file(disk.path, 'b');
    expect([made.ino, made.nlink, made.size]).toEqual([gone.ino, gone.nlink, gone.size]);
    expect(links.carrierOf(made)).toBeUndefined();
  });

  test('without a time of birth are known by their last change', () => {
    const links = new HardLinks();
    const stats = Object.assign(file(directory, 'a'), { birthtimeNs: 0n });
    links.remember(stats, archivePath);
    expect(links.carrierOf(Object.assign(statsOf(directory, 'a.1'), { birthtimeNs: 0n, ctimeNs: stats.ctimeNs + 1n }))).toBeUndefined();
    expect(links.carrierOf(Object.assign(statsOf(directory, 'a.1'), { birthtimeNs: 0n }))).toBe(archivePath);
  });
});
