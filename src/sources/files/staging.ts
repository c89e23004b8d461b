import { closeSync, constants, existsSync, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, rmdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { loadPosix, type Posix } from '../../platform/posix.ts';
import { isSystemError } from '../../platform/system-error.ts';
import type { Log } from '../../ports/log.ts';
import { latin1, latin1Bytes } from './latin1.ts';
import { livePath } from './live-path.ts';
import { isMountPoint } from './mount-points.ts';
import { removeTree } from './remove-tree.ts';
import { targetError } from './target-errors.ts';

/** Between a place's name and a label: `.data.holdfast-staging-20260102_030405`. All that is in it was written by a restore. */
const stagingMark = '.holdfast-staging-';
/** It is called so before the first rename out of it or into it: from then on it may hold what stood in the place. */
const promotingMark = '.holdfast-promoting-';

export interface StagingDirectory extends AsyncDisposable {
  readonly directory: string;
}

/**
 * An empty directory beside `place`, so on its file system, or within it when it is a mount point. It is locked as long as
 * this process lives. On dispose it goes with all that is in it; once it is called a promoting one, only when it is empty.
 */
export async function stagingDirectory(place: string, label: string): Promise<StagingDirectory> {
  try {
    const { parent, name } = stagingPlace(place);
    mkdirSync(parent, { recursive: true });
    const { directory, lock } = lockedDirectory(join(parent, `.${name}${stagingMark}${label}`), await loadPosix());
    return {
      directory,
      async [Symbol.asyncDispose](): Promise<void> {
        try {
          await removeTree(raw(directory));
          removeEmptyDirectories(raw(promotingDirectory(directory)));
        } catch (error) {
          throw targetError(error, `remove "${directory}"`);
        } finally {
          closeSync(lock);
        }
      },
    };
  } catch (error) {
    throw targetError(error, `restore beside "${place}"`);
  }
}

/** What a staging directory is called while its trees are put into their places. */
export function promotingDirectory(directory: string): string {
  return join(dirname(directory), basename(directory).replace(stagingMark, promotingMark));
}

/**
 * Removes what interrupted restores to this place left, but for what may hold the content of the place itself: that is
 * named in the log, for people to look into.
 */
export async function removeStagingLeftovers(place: string, log: Log): Promise<void> {
  const { parent, name } = stagingPlace(place);
  const posix = await loadPosix();
  for (const entry of namesIn(parent)) {
    const directory = join(parent, entry);
    const isStaging = entry.startsWith(`.${name}${stagingMark}`);
    if (!isStaging && !entry.startsWith(`.${name}${promotingMark}`)) continue;
    const remove = isStaging ? removeTree : removeEmptyDirectories;
    await whenAbandoned(directory, posix, () => remove(raw(directory))).catch((error: unknown) => requireSystemError(error));
    if (existsSync(directory))
      log.warn('A restore that goes on or was interrupted has a directory here; when none is running, look into it and remove it', {
        directory,
      });
    else log.info('Removed a directory that an interrupted restore left', { directory });
  }
}

/** None where this user may not look: what is left there is not this user's to remove. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    requireSystemError(error);
    return [];
  }
}

/** What cannot be removed is named, and keeps nobody from backing up or restoring. */
function requireSystemError(error: unknown): void {
  if (!isSystemError(error)) throw error;
}

function stagingPlace(place: string): { readonly parent: string; readonly name: string } {
  const live = livePath(place);
  return { parent: isMountPoint(live) ? live : dirname(live), name: basename(live) };
}

/** Another process may take it for a leftover until it is locked: then it has the lock, and the next name is tried. */
function lockedDirectory(base: string, posix: Posix | undefined): { readonly directory: string; readonly lock: number } {
  for (let count = 1; ; count++) {
    const directory = count === 1 ? base : `${base}-${count}`;
    if (!madeDirectory(directory)) continue;
    const lock = openSync(directory, 'r');
    if (posix === undefined || (posix.tryLock(lock) && isStill(directory, lock))) return { directory, lock };
    closeSync(lock);
  }
}

function madeDirectory(directory: string): boolean {
  try {
    mkdirSync(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  }
}

function isStill(directory: string, fd: number): boolean {
  return lstatSync(directory, { bigint: true, throwIfNoEntry: false })?.ino === fstatSync(fd, { bigint: true }).ino;
}

/** Nothing is done where it cannot be told: without locks, or for a directory of another user. */
async function whenAbandoned(directory: string, posix: Posix | undefined, action: () => void | Promise<void>): Promise<void> {
  if (posix === undefined) return;
  const lock = openOwn(directory);
  if (lock === undefined) return;
  try {
    if (fstatSync(lock).uid === process.geteuid?.() && posix.tryLock(lock)) await action();
  } finally {
    closeSync(lock);
  }
}

function openOwn(directory: string): number | undefined {
  try {
    return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP', 'EPERM')) return undefined;
    throw error;
  }
}

/** Removes a directory that holds nothing but directories; with anything else in it, all that else stays. */
function removeEmptyDirectories(path: string): void {
  const bytes = latin1Bytes(path);
  if (lstatSync(bytes, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  for (const entry of readdirSync(bytes, { encoding: 'latin1' })) removeEmptyDirectories(`${path}/${entry}`);
  try {
    rmdirSync(bytes);
  } catch (error) {
    if (!isSystemError(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

function raw(path: string): string {
  return latin1(Buffer.from(path));
}
