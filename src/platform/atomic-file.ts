import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isSystemError } from './system-error.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** What a directory's fsync answers on file systems that have none (some network and FUSE ones). */
const directorySyncUnsupported = ['EINVAL', 'ENOTSUP', 'ENOSYS', 'EPERM', 'EBADF', 'EISDIR'];
/** What link(2) answers on file systems without hard links (FAT, exFAT, some network and FUSE ones). */
const linkUnsupported = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Opens a file that must not exist yet, for its owner alone. */
export function createPrivateFile(path: string): Promise<FileHandle> {
  return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
}

/** Makes names that were added to or removed from a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (!isSystemError(error, ...directorySyncUnsupported)) throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Gives a finished file its final name, in the same directory, and never replaces anything: fails with EEXIST.
 * Where hard links are unsupported the check and the rename are two steps, and only there could another process that
 * creates the same name between them be overtaken.
 */
export async function publishNew(temporary: string, final: string): Promise<void> {
  try {
    await link(temporary, final);
  } catch (error) {
    if (!isSystemError(error, ...linkUnsupported)) throw error;
    await refuseExisting(final);
    return rename(temporary, final);
  }
  try {
    await unlink(temporary);
  } catch (error) {
    await unlinkIfPresent(final);
    throw error;
  }
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    throw error;
  }
  throw Object.assign(new Error(`EEXIST: file already exists, rename to '${path}'`), { code: 'EEXIST', syscall: 'rename', path });
}

/** Makes a directory and its missing parents, for their owner alone; those that exist keep their mode. Durable on return. */
export async function makePrivateDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let parent = dirname(resolve(directory)); ; parent = dirname(parent)) {
    await syncDirectory(parent);
    if (parent === top) return;
  }
}

/** Writes a small file as a whole: readers see all of it or nothing, also after a crash. Fails with EEXIST when it exists. */
export function writeNewFile(path: string, content: string): Promise<void> {
  return writeWhole(path, content, publishNew);
}

/** The same, in the place of whatever file has the name. */
export function replaceFile(path: string, content: string): Promise<void> {
  return writeWhole(path, content, rename);
}

async function writeWhole(path: string, content: string, publish: (temporary: string, final: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.partial`);
  const file = await createPrivateFile(temporary);
  try {
    await file.writeFile(content);
    await file.sync();
    await publish(temporary, path);
  } catch (error) {
    await unlinkIfPresent(temporary);
    throw error;
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
}

/** Removes a file; one that is gone already is fine. */
export async function unlinkIfPresent(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}
