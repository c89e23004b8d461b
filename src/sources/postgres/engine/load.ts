import type { DumpRecord } from '../../../domain/manifest.ts';
import { cancelled, HoldfastError, type ErrorCode } from '../../../domain/errors.ts';
import { completeDump } from './complete-dump.ts';
import { forServer } from './older-server.ts';
import { inOneTransaction, type PsqlEnd, type PsqlError, runPsql } from './psql.ts';

export interface Load {
  readonly psql: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly serverMajor: number;
  readonly dump: DumpRecord;
  /** Where it goes, for messages. */
  readonly location: string;
  readonly signal: AbortSignal;
}

/**
 * Loads a dump in one transaction; the server keeps nothing unless all of it came and every statement succeeded. With one
 * exception, for which the database it goes into is dropped after every failure: pg_dump puts BEGIN and COMMIT around large
 * objects, and that COMMIT ends the transaction early. All rows of tables come before it.
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_dump/pg_backup_archiver.c (StartRestoreLOs)
 */
export async function loadDump(load: Load, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const end = await runPsql({
    binary: load.psql,
    arguments: ['-v', 'ON_ERROR_STOP=1'],
    environment: load.environment,
    input: inOneTransaction(forServer(completeDump(bytes, load.dump.sizeBytes), load.serverMajor)),
    signal: load.signal,
  });
  if (end.exitCode === 0) return;
  if (load.signal.aborted) throw cancelled(load.signal);
  throw loadFailed(load, end);
}

function loadFailed({ dump, location }: Load, { exitCode, errors }: PsqlEnd): HoldfastError {
  const error = errors.findLast(({ sqlState }) => sqlState !== '') ?? errors.at(-1);
  const { code, hint } = explain(error);
  const line = typeof error?.line === 'number' ? ` (line ${error.line} of the dump)` : '';
  const problem = error === undefined ? `psql ended with ${exitCode === null ? 'a signal' : `status ${exitCode}`}` : describe(error);
  return new HoldfastError(code, `Cannot load "${dump.dump.database}" into ${location}: ${problem}${line}`, {
    hint,
    details: { exitCode, ...(error === undefined ? {} : { sqlState: error.sqlState, line: error.line, context: error.context }) },
  });
}

function describe({ message, context }: PsqlError): string {
  return context === '' ? message : `${message}; ${context}`;
}

interface Explanation {
  readonly code: ErrorCode;
  readonly hint: string;
}

const known: readonly (Explanation & { readonly matches: RegExp })[] = [
  {
    matches: /^42704 role "/,
    code: 'ROLE_MISSING',
    hint: 'Create the role that the message names (CREATE ROLE name;), then run the restore again',
  },
  {
    matches: /^(0A000|58P01|22023) .*extension|^58P01 could not (open|access)/,
    code: 'EXTENSION_MISSING',
    hint: 'Install the package of the extension or library that the message names on the server, then run the restore again',
  },
  { matches: /^(53100|58030) /, code: 'SPACE_SHORT', hint: 'Make room on the disk of the server, then run the restore again' },
  {
    matches: /^42501 /,
    code: 'PERMISSION_DENIED',
    hint: 'Restore as a superuser, or as a member of every role that owns something in the dump',
  },
  {
    matches: /^53200 .*shared memory/,
    code: 'TARGET_FAILED',
    hint: 'Raise max_locks_per_transaction on that server (one transaction makes all tables), start it anew, and run the restore again',
  },
  {
    matches: /^(57P0[1-3]|08...) |^ .*(connection to server|server closed the connection)/,
    code: 'SERVER_UNREACHABLE',
    hint: 'Wait until the server accepts connections, then run the restore again',
  },
];

function explain(error: PsqlError | undefined): Explanation {
  const text = `${error?.sqlState ?? ''} ${error?.message ?? ''}`;
  return (
    known.find(({ matches }) => matches.test(text)) ?? {
      code: 'TARGET_FAILED',
      hint: 'Mend what the message names, then run the restore again; nothing that was there has been changed',
    }
  );
}
