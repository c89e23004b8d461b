import { HoldfastError } from '../domain/errors.ts';
import { sqliteProblems, type SqliteTrouble, sqliteTrouble } from '../platform/sqlite-errors.ts';

const hints: Readonly<Record<SqliteTrouble, string>> = {
  damaged: 'Move it away and start the service again: backups are not concerned, but users and tokens have to be made anew',
  unreachable: 'Give the user who runs Holdfast the right to read and write it; HOLDFAST_DATA_DIR can name another place',
  full: 'Free space on the drive that holds it, then try again',
  busy: 'Wait until other Holdfast commands are done, then try again',
};

/** What a failed query means for the user; errors that only a bug can cause are passed on. */
export function translated(error: unknown, file: string): unknown {
  const trouble = sqliteTrouble(error);
  return trouble === null ? error : unreadable(file, { problem: sqliteProblems[trouble], hint: hints[trouble] }, error);
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

function unreadable(file: string, { problem, hint }: { readonly problem: string; readonly hint: string }, cause?: unknown): HoldfastError {
  return new HoldfastError('STATE_UNREADABLE', `Cannot use the state of the service "${file}": ${problem}`, { hint, cause });
}
