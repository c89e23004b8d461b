import { stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makePrivateDirectory } from '../../platform/atomic-file.ts';
import { isSystemError } from '../../platform/system-error.ts';
import { directoryReplaced, translated } from './local-errors.ts';
import type { Attempt } from './local-errors.ts';

/** FUSE (exFAT, NTFS, sshfs, rclone), CIFS and SMB2, by the type that statfs(2) gives. */
const unstableInodes: readonly number[] = [0x65735546, 0xff534d42, 0xfe534d42];

interface Identity {
  readonly device: bigint;
  /** Null where the file system makes numbers up as it goes, and may give a directory another one. */
  readonly inode: bigint | null;
  /** Null where the file system does not keep it. Tells two drives apart that were mounted at one place in turn. */
  readonly bornNs: bigint | null;
}

/**
 * The directory of a store, which must stay the same one: when a drive is unmounted in the middle of a run its mount point
 * is still a directory, on another disk, and nothing may be written there.
 */
export class StoreDirectory {
  readonly path: string;
  #identity: Identity | undefined;

  constructor(path: string) {
    this.path = path;
  }

  pathOf(fileName: string): string {
    return join(this.path, fileName);
  }

  /** Throws `STORE_ABSENT` unless the directory is there and is the one that was seen before. Returns its device. */
  async require(attempt: Attempt): Promise<bigint> {
    const found = await this.#look(attempt);
    if (this.#identity !== undefined && !same(this.#identity, found)) throw directoryReplaced(attempt);
    this.#identity ??= found;
    return found.device;
  }

  /** The device that the directory is on; while it does not exist, the one that it would be made on. */
  async deviceThere(attempt: Attempt): Promise<bigint> {
    for (let path = resolve(this.path); ; path = dirname(path)) {
      try {
        return (await stat(path, { bigint: true })).dev;
      } catch (error) {
        if (!isSystemError(error, 'ENOENT') || path === dirname(path)) throw translated(error, attempt);
      }
    }
  }

  /** As `require`, but makes the directory when it was never seen and does not exist. */
  async make(attempt: Attempt): Promise<bigint> {
    if (this.#identity === undefined) {
      await makePrivateDirectory(this.path).catch((error: unknown) => {
        // mkdir(2) says so of a file that has the name.
        throw translated(isSystemError(error, 'EEXIST') ? notDirectory(this.path) : error, attempt);
      });
    }
    return this.require(attempt);
  }

  async #look(attempt: Attempt): Promise<Identity> {
    try {
      const found = await stat(this.path, { bigint: true });
      if (!found.isDirectory()) throw notDirectory(this.path);
      // Where no time of birth is kept, Node may answer with the time of the last change.
      const bornNs = found.birthtimeNs === found.ctimeNs || found.birthtimeNs === 0n ? null : found.birthtimeNs;
      const { type } = await statfs(this.path);
      return { device: found.dev, inode: unstableInodes.includes(type) ? null : found.ino, bornNs };
    } catch (error) {
      throw translated(error, attempt);
    }
  }
}

function notDirectory(path: string): Error {
  return Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR' });
}

function same(a: Identity, b: Identity): boolean {
  return a.device === b.device && agree(a.inode, b.inode) && agree(a.bornNs, b.bornNs);
}

function agree(a: bigint | null, b: bigint | null): boolean {
  return a === null || b === null || a === b;
}
