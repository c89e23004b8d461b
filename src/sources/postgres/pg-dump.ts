import { clientEnvironment } from './client-environment.ts';
import { streamProgram, type TakeBytes } from './client-process.ts';
import type { ClientPrograms } from './client-programs.ts';
import type { ConnectOptions } from './connection.ts';
import { type DatabaseSnapshot, lockWaitMs } from './database-snapshot.ts';
import { explainProgram } from './program-error.ts';
import { excludingArgument, type Exclusion } from './table-patterns.ts';

/** All that reading one database needs. */
export interface DatabaseReading {
  /** How to open a further connection to the database. */
  readonly connection: Omit<ConnectOptions, 'signal'>;
  readonly database: string;
  readonly snapshot: DatabaseSnapshot;
  /** Tables whose definitions are dumped and whose rows are not. */
  readonly excluded: Exclusion;
  readonly programs: ClientPrograms;
  /** How many connections copy rows at the same time; 1 leaves everything to pg_dump. */
  readonly connections: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Runs pg_dump on the held snapshot; returns what it wrote to standard error. */
export async function runDump(reading: DatabaseReading, args: readonly string[], take: TakeBytes, signal: AbortSignal): Promise<string> {
  const { connection, database, environment, excluded, programs, snapshot } = reading;
  const { address } = connection;
  const fixed = ['--format=plain', '--no-password', `--lock-wait-timeout=${lockWaitMs}`, `--snapshot=${snapshot.id}`];
  const without = excluded.tables.map(excludingArgument);
  const invocation = programs.invocation('pg_dump', [...fixed, ...without, ...args], clientEnvironment(address, database, environment));
  try {
    return await streamProgram(invocation, take, signal);
  } catch (error) {
    throw explainProgram(error, { address, database });
  }
}
