import { constants, type StatsFs } from 'node:fs';
import { open, statfs, type FileHandle } from 'node:fs/promises';
import { loadPosix } from './posix.ts';
import { isSystemError } from './system-error.ts';

/** File systems that write straight from memory to the disk, by the type that statfs(2) gives: ext2 to ext4, XFS. */
const directFileSystems: readonly StatsFs['type'][] = [0xef53, 0x58465342];

/** What the memory, the place in the file and the length of a direct write must be a multiple of; more than disks ask for. */
export const directAlignment = 4096;

/** An open file whose writes go past the page cache. */
export interface DirectFile {
  readonly handle: FileHandle;
  /** Memory to write from. */
  readonly blocks: readonly [Buffer, Buffer];
}

/**
 * Opens an open file once more for direct writes. They take no processor time for copies, do not push what other programs
 * need out of memory, and what is read back afterwards comes from the disk. Undefined where that cannot be had.
 */
export async function openDirect(file: FileHandle, path: string, blockBytes: number): Promise<DirectFile | undefined> {
  const posix = await loadPosix();
  if (posix === undefined || !directFileSystems.includes((await statfs(path)).type)) return undefined;
  const block = (): Buffer => posix.alignedBuffer(blockBytes, directAlignment);
  try {
    // By its descriptor: the very file that is open, whatever stands at the path.
    const handle = await open(`/proc/self/fd/${file.fd}`, constants.O_WRONLY | constants.O_DIRECT);
    return { handle, blocks: [block(), block()] };
  } catch (error) {
    if (isSystemError(error, 'EINVAL', 'ENOENT', 'EACCES')) return undefined;
    throw error;
  }
}
