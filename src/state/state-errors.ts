import { HoldfastError } from '../domain/errors.ts';

interface Meaning {
  readonly problem: string;
  readonly hint: string;
}

const damaged: Meaning = {
  problem: 'the file is damaged or is no database',
  hint: 'Move it away and start the service again: backups are not concerned, but users and tokens have to be made anew',
};
const unreachable: Meaning = {
  problem: 'the file cannot be opened, read or written',
  hint: 'Give the user who runs Holdfast the right to read and write it; HOLDFAST_DATA_DIR can name another place',
};
const full: Meaning = { problem: 'no space is left on its drive', hint: 'Free space on the drive that holds it, then try again' };
const busy: Meaning = {
  problem: 'another process has been writing to it for too long',
  hint: 'Wait until other Holdfast commands are done, then try again',
};

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

const constraintFailed = 19;

/** What a failed query means for the user; errors that only a bug can cause are passed on. */
export function translated(error: unknown, file: string): unknown {
  const meaning = meanings[primaryCode(error) ?? 0];
  return meaning === undefined ? error : unreadable(file, meaning, error);
}

/** True when a value that must be there only once is there already. */
export function isTaken(error: unknown): boolean {
  return primaryCode(error) === constraintFailed;
}

export function newerState(file: string, versions: { readonly found: number; readonly known: number }): HoldfastError {
  const problem = `it has format ${versions.found}, this Holdfast knows formats up to ${versions.known}`;
  return unreadable(file, { problem, hint: 'Update Holdfast on this machine to the version that wrote it' });
}

export function stateNotMade(file: string, cause: unknown): HoldfastError {
  const problem = `it cannot be made: ${cause instanceof Error ? cause.message : String(cause)}`;
  const hint = 'Set HOLDFAST_DATA_DIR to a directory that the user who runs Holdfast may write to';
  return unreadable(file, { problem, hint }, cause);
}

function unreadable(file: string, { problem, hint }: Meaning, cause?: unknown): HoldfastError {
  return new HoldfastError('STATE_UNREADABLE', `Cannot use the state of the service "${file}": ${problem}`, { hint, cause });
}

function primaryCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}
