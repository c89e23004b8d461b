/** What keeps a SQLite file from being used, when something other than a bug does. */
export type SqliteTrouble = 'damaged' | 'unreachable' | 'full' | 'busy';

export const sqliteProblems: Readonly<Record<SqliteTrouble, string>> = {
  damaged: 'the file is damaged or is no database',
  unreachable: 'the file cannot be opened, read or written',
  full: 'no space is left on its drive',
  busy: 'another process has been writing to it for too long',
};

/** SQLITE_IOERR_SHMSIZE: a file that every user of a write-ahead log needs beside it could not be given its size. */
const noRoomForIndex = 4874;

/** By SQLite's primary result code: https://www.sqlite.org/rescode.html */
const troubles: Readonly<Record<number, SqliteTrouble>> = {
  3: 'unreachable',
  5: 'busy',
  6: 'busy',
  8: 'unreachable',
  10: 'unreachable',
  11: 'damaged',
  13: 'full',
  14: 'unreachable',
  26: 'damaged',
};

/** Null for an error that is not SQLite's own, and for one that only a bug can cause. */
export function sqliteTrouble(error: unknown): SqliteTrouble | null {
  if (!isSqliteError(error)) return null;
  return error.errcode === noRoomForIndex ? 'full' : (troubles[primaryCode(error)] ?? null);
}

const constraintFailed = 19;

/** True when a value that must be there only once is there already. */
export function isTaken(error: unknown): boolean {
  return isSqliteError(error) && primaryCode(error) === constraintFailed;
}

/** True for an error of SQLite's own, whatever it means. */
export function isSqliteError(error: unknown): error is Error & { readonly errcode: number } {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}

function primaryCode({ errcode }: { readonly errcode: number }): number {
  return errcode & 0xff;
}
