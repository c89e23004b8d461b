import { HoldfastError, isHoldfastError } from '../../domain/errors.ts';
import { isSystemError } from '../../platform/system-error.ts';

/** What a failed system call on a target means. Other errors come back as they are. */
export function targetError(error: unknown, what: string): unknown {
  if (isHoldfastError(error) || !isSystemError(error)) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT')
    return new HoldfastError('SPACE_SHORT', `Cannot ${what}: ${error.code === 'EDQUOT' ? 'the quota is used up' : 'no space is left'}`, {
      hint: 'Free some space, or restore to a directory on another drive with --to-directory',
      cause: error,
    });
  return new HoldfastError('TARGET_FAILED', `Cannot ${what}: ${error.code}`, { hint: hints.get(error.code) ?? defaultHint, cause: error });
}

const defaultHint = 'Check the drive that it lies on, or restore to another directory with --to-directory';
const hints: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'Run Holdfast as a user who may write there, or restore to another directory with --to-directory'],
  ['EPERM', 'Restore to a directory on a file system that can hold it (ext4, xfs, btrfs, zfs) with --to-directory'],
  ['EROFS', 'Mount the drive for writing, or restore to another directory with --to-directory'],
  ['ENAMETOOLONG', 'Restore to a directory with a shorter path with --to-directory'],
]);

/** An error in a form that passes between threads. */
export interface ErrorMessage {
  readonly code: HoldfastError['code'];
  readonly message: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function toMessage(error: unknown): ErrorMessage {
  if (isHoldfastError(error)) return { code: error.code, message: error.message, hint: error.hint, details: error.details };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'INTERNAL', message, hint: 'Report this to the makers of Holdfast', details: {} };
}

export function fromMessage({ code, message, hint, details }: ErrorMessage): HoldfastError {
  return new HoldfastError(code, message, { hint, details });
}
