import { chmodSync, lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isSystemError } from '../../platform/system-error.ts';
import { latin1Bytes } from './latin1.ts';

const entriesPerTurn = 500;

/**
 * Removes a file or a directory with all that is in it, read-only directories and names that are not UTF-8 too. Does not
 * follow symlinks. No error when there is nothing. `path` is a latin1 path.
 */
export async function removeTree(path: string): Promise<void> {
  const stats = lstatSync(latin1Bytes(path), { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) return unlinkSync(latin1Bytes(path));
  await emptyDirectory(path);
  rmdirSync(latin1Bytes(path));
}

/** Removes all that is in a directory. */
export async function emptyDirectory(path: string): Promise<void> {
  const bytes = latin1Bytes(path);
  if ((lstatSync(bytes).mode & 0o700) !== 0o700) chmodSync(bytes, 0o700);
  for (const [index, name] of readdirSync(bytes, { encoding: 'latin1' }).entries()) {
    if (!unlinked(`${path}/${name}`)) await removeTree(`${path}/${name}`);
    if (index % entriesPerTurn === entriesPerTurn - 1) await nextTurn();
  }
}

/** False for a directory: Linux says EISDIR, POSIX EPERM. */
function unlinked(path: string): boolean {
  try {
    unlinkSync(latin1Bytes(path));
    return true;
  } catch (error) {
    if (isSystemError(error, 'EISDIR', 'EPERM')) return false;
    if (isSystemError(error, 'ENOENT')) return true;
    throw error;
  }
}
