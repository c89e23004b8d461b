import { HoldfastError } from '../domain/errors.ts';
import { sqliteProblems, type SqliteTrouble, sqliteTrouble } from '../platform/sqlite-errors.ts';
import { isSystemError } from '../platform/system-error.ts';

const hints: Readonly<Record<SqliteTrouble, string>> = {
  damaged: 'Run holdfast rescue with the path of the store: it sets the file aside and rebuilds the history from the store',
  unreachable:
    'Give the user who runs Holdfast the right to read and write it, and check its drive (dmesg); HOLDFAST_DATA_DIR can name another place',
  full: 'Free space on the drive that holds the history, then run the command again',
  busy: 'Wait until other Holdfast commands are done, then run the command again',
};

/** What a failed query means for the user; errors that only a bug can cause are passed on. */
export function translated(error: unknown, file: string): unknown {
  const trouble = sqliteTrouble(error);
  if (trouble === null) return error;
  const { message } = error as Error;
  return new HoldfastError('HISTORY_UNREADABLE', `Cannot use the history "${file}": ${sqliteProblems[trouble]} (${message})`, {
    hint: hints[trouble],
    cause: error,
    details: { damaged: trouble === 'damaged', full: trouble === 'full' },
    ...(trouble === 'busy' ? { retry: { kind: 'later' } } : {}),
  });
}

/** `details.damaged` tells whoever opens the history that the file may be set aside and a new one built. */
export function damagedHistory(file: string, what: string, cause: unknown): HoldfastError {
  return new HoldfastError('HISTORY_UNREADABLE', `Cannot use the history "${file}": ${what}`, {
    hint: hints.damaged,
    cause,
    details: { damaged: true },
  });
}

export function historyNotMade(file: string, cause: unknown): HoldfastError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const hint = isSystemError(cause, 'ENOSPC', 'EDQUOT')
    ? hints.full
    : 'Set HOLDFAST_DATA_DIR to a directory that the user who runs Holdfast may write to';
  return new HoldfastError('HISTORY_UNREADABLE', `Cannot make the history "${file}": ${why}`, { hint, cause });
}

export function newerHistory(file: string, versions: { readonly found: number; readonly known: number }): HoldfastError {
  return new HoldfastError(
    'HISTORY_UNREADABLE',
    `Cannot use the history "${file}": it has format ${versions.found}, this Holdfast knows formats up to ${versions.known}`,
    {
      hint: 'Update Holdfast on this machine to the version that wrote it',
      details: versions,
    },
  );
}
