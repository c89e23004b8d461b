import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { HoldfastError } from '../../domain/errors.ts';
import { loadPosix, type Posix } from '../../platform/posix.ts';
import { isSystemError } from '../../platform/system-error.ts';
import { latin1 } from './latin1.ts';
import { removeTree } from './remove-tree.ts';

const prefix = 'holdfast-scratch-';
/** Until it has its lock it has a name that nobody takes for debris. */
const unlockedPrefix = '.holdfast-scratch-';

export interface ScratchDirectory extends AsyncDisposable {
  readonly directory: string;
}

/**
 * A directory for nobody else, removed on dispose. It is locked as long as this process lives; what dead processes left
 * beside it is known by having no lock, and removed.
 */
export async function scratchDirectory(environment: Readonly<Record<string, string | undefined>>): Promise<ScratchDirectory> {
  const posix = await loadPosix();
  const parent = environment['HOLDFAST_SCRATCH_DIR'] || environment['TMPDIR'] || tmpdir();
  try {
    mkdirSync(parent, { recursive: true });
    if (posix !== undefined) await removeDebris(parent, posix);
    return lockedDirectory(parent, posix);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new HoldfastError('TARGET_FAILED', `Cannot make a scratch directory in "${parent}": ${error.code}`, {
      hint: 'Set HOLDFAST_SCRATCH_DIR to a directory with enough space',
      cause: error,
    });
  }
}

function lockedDirectory(parent: string, posix: Posix | undefined): ScratchDirectory {
  const unlocked = mkdtempSync(join(parent, unlockedPrefix));
  const lock = openSync(unlocked, 'r');
  posix?.tryLock(lock);
  const directory = join(parent, basename(unlocked).slice(1));
  renameSync(unlocked, directory);
  return {
    directory,
    async [Symbol.asyncDispose](): Promise<void> {
      try {
        await removeTree(latin1(Buffer.from(directory)));
      } finally {
        closeSync(lock);
      }
    },
  };
}

async function removeDebris(parent: string, posix: Posix): Promise<void> {
  for (const name of readdirSync(parent)) if (name.startsWith(prefix)) await removeIfDead(join(parent, name), posix);
}

async function removeIfDead(directory: string, posix: Posix): Promise<void> {
  const lock = openIfOurs(directory);
  if (lock === undefined) return;
  try {
    if (posix.tryLock(lock)) await removeTree(latin1(Buffer.from(directory)));
  } finally {
    closeSync(lock);
  }
}

/** Undefined for what is gone by now, or belongs to another user. */
function openIfOurs(directory: string): number | undefined {
  try {
    return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP', 'EPERM')) return undefined;
    throw error;
  }
}
