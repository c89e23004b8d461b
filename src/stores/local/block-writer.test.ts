import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chunked, noise, sha256 } from '../../../test/contracts/bytes.ts';
import { canMount, loopFileSystem } from '../../../test/fixtures/loop-file-system.ts';
import { createPrivateFile } from '../../platform/atomic-file.ts';
import { BlockWriter } from './block-writer.ts';

const mebibyte = 1 << 20;
const directFlag = 0o40000;

async function written(path: string, bytes: Uint8Array, chunkBytes: number): Promise<{ readonly wentDirect: boolean }> {
  const writer = new BlockWriter(await createPrivateFile(path), path);
  let wentDirect = false;
  try {
    for await (const chunk of chunked(bytes, chunkBytes)) await writer.write(chunk);
    wentDirect = await isOpenDirect(path);
    await writer.finish();
    expect(writer.writtenBytes).toBe(bytes.length);
  } finally {
    await writer.close();
  }
  return { wentDirect };
}

/** By what the kernel tells of this process's open files. */
async function isOpenDirect(path: string): Promise<boolean> {
  const { ino, dev } = await stat(path);
  for (const fd of await readdir('/proc/self/fd')) {
    const found = await stat(`/proc/self/fd/${fd}`).catch(() => undefined);
    if (found?.ino !== ino || found.dev !== dev) continue;
    const flags = /flags:\s*(\d+)/.exec(await readFile(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    if ((Number.parseInt(flags ?? '0', 8) & directFlag) !== 0) return true;
  }
  return false;
}

describe.runIf(canMount('ext4'))('on ext4', () => {
  it('a large file goes past the page cache and is whole, wherever it ends', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 64 });
    const sizes = [8, 9, 10, 12].map((count) => count * mebibyte);
    for (const more of [1, 4096, 2 * mebibyte - 1]) sizes.push(10 * mebibyte + more);
    for (const [index, sizeBytes] of sizes.entries()) {
      const path = join(disk.path, 'file');
      const bytes = noise(sizeBytes);
      const { wentDirect } = await written(path, bytes, index % 2 === 0 ? 300_007 : 3 * mebibyte);
      expect(wentDirect, `${sizeBytes} bytes`).toBe(sizeBytes >= 10 * mebibyte);
      expect(sha256(await readFile(path))).toBe(sha256(bytes));
      await rm(path);
    }
  });

  it('a small file does not', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 16 });
    const bytes = noise(mebibyte + 17);
    expect(await written(join(disk.path, 'file'), bytes, 4096)).toEqual({ wentDirect: false });
    expect(sha256(await readFile(join(disk.path, 'file')))).toBe(sha256(bytes));
  });

  it('an error of the disk comes out, and everything is closed', async () => {
    await using disk = await loopFileSystem('ext4', { sizeMiB: 24 });
    await expect(written(join(disk.path, 'file'), noise(40 * mebibyte), mebibyte)).rejects.toThrow('ENOSPC');
    await disk.unmount('clean');
    await disk.mountAgain();
  });
});

describe.runIf(canMount('exfat'))('on exFAT', () => {
  it('a large file goes through the page cache and is whole', async () => {
    await using disk = await loopFileSystem('exfat', { sizeMiB: 96 });
    const path = join(disk.path, 'file');
    const bytes = noise(80 * mebibyte + 5);
    expect(await written(path, bytes, mebibyte + 1)).toEqual({ wentDirect: false });
    expect(sha256(await readFile(path))).toBe(sha256(bytes));
  });
});

it('an empty file is one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-writer-'));
  await written(join(directory, 'file'), noise(0), 1);
  expect((await stat(join(directory, 'file'))).size).toBe(0);
  await rm(directory, { recursive: true });
});
