import { HoldfastError } from '../domain/errors.ts';

interface Meaning {
  readonly problem: string;
  readonly hint: string;
  readonly later?: true;
}

const damaged: Meaning = {
  problem: 'the file is damaged or is no database',
  hint: 'Run holdfast rescue with the path of the store: it sets the file aside and rebuilds the history from the store',
};
const unreachable: Meaning = {
  problem: 'the file cannot be opened, read or written',
  hint: 'Give the user who runs Holdfast the right to read and write it, and check its drive (dmesg); HOLDFAST_DATA_DIR can name another place',
};
const full: Meaning = {
  problem: 'no space is left on its drive',
  hint: 'Free space on the drive that holds the history, then run the command again',
};
const busy: Meaning = {
  problem: 'another process has been writing to it for too long',
  hint: 'Wait until other Holdfast commands are done, then run the command again',
  later: true,
};

/** SQLITE_IOERR_SHMSIZE: a file that every user of a write-ahead log needs beside it could not be given its size. */
const noRoomForIndex = 4874;

/** By SQLite's primary result code: https://www.sqlite.org/rescode.html */
const meanings: Readonly<Record<number, Meaning>> = {
  3: unreachable,
  5: busy,
  6: busy,
  8: unreachable,
  10: unreachable,
  11: damaged,
  13: full,
  14: unreachable,
  26: damaged,
};

/** What a failed query means for the user; errors that only a bug can cause are passed on. */
export function translated(error: unknown, file: string): unknown {
  if (!isSqliteError(error)) return error;
  const meaning = error.errcode === noRoomForIndex ? full : meanings[error.errcode & 0xff];
  if (meaning === undefined) return error;
  return new HoldfastError('HISTORY_UNREADABLE', `Cannot use the history "${file}": ${meaning.problem} (${error.message})`, {
    hint: meaning.hint,
    cause: error,
    details: { damaged: meaning === damaged, full: meaning === full },
    ...(meaning.later === undefined ? {} : { retry: { kind: 'later' } }),
  });
}

/** `details.damaged` tells whoever opens the history that the file may be set aside and a new one built. */
export function damagedHistory(file: string, what: string, cause: unknown): HoldfastError {
  return new HoldfastError('HISTORY_UNREADABLE', `Cannot use the history "${file}": ${what}`, {
    hint: damaged.hint,
    cause,
    details: { damaged: true },
  });
}

/** True for an error of SQLite's own, whatever it means. */
export function isSqliteError(error: unknown): error is Error & { readonly errcode: number } {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
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
