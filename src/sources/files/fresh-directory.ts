import { mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError } from '../../domain/errors.ts';
import { isSystemError } from '../../platform/system-error.ts';
import { latin1 } from './latin1.ts';
import { emptyDirectory, removeTree } from './remove-tree.ts';
import { targetError } from './target-errors.ts';

/** An empty directory to restore into. */
export interface FreshDirectory {
  /** As a latin1 path, without symlinks. */
  readonly path: string;
  /** Removes what is in it, and the directory itself when it was made for this. */
  undo(): Promise<void>;
}

/** Throws `TARGET_EXISTS` when something is there, `TARGET_FAILED`. */
export function freshDirectory(directory: string): FreshDirectory {
  try {
    mkdirSync(dirname(directory), { recursive: true });
    const isNew = makeOrAccept(directory);
    const path = latin1(realpathSync(directory, { encoding: 'buffer' }));
    return { path, undo: () => (isNew ? removeTree(path) : emptyDirectory(path)) };
  } catch (error) {
    throw targetError(error, `restore to "${directory}"`);
  }
}

function makeOrAccept(directory: string): boolean {
  try {
    mkdirSync(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
    if (isEmptyDirectory(directory)) return false;
    throw new HoldfastError('TARGET_EXISTS', `Cannot restore to "${directory}": it is there and not empty`, {
      hint: 'Name a directory that does not exist yet, with --to-directory',
      cause: error,
    });
  }
}

function isEmptyDirectory(directory: string): boolean {
  try {
    return readdirSync(directory).length === 0;
  } catch (error) {
    if (isSystemError(error, 'ENOTDIR')) return false;
    throw error;
  }
}
