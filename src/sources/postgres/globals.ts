import type { ByteSink, DumpReport, DumpUnit } from '../../ports/source.ts';
import { clientEnvironment } from './client-environment.ts';
import { streamProgram, type TakeBytes } from './client-process.ts';
import type { ClientPrograms } from './client-programs.ts';
import type { Session } from './connection.ts';
import { DumpOutput } from './dump-output.ts';
import { explainProgram, warnings } from './program-error.ts';
import { type ServerAddress, serverName } from './server-address.ts';

/** What reading the roles and tablespaces of a server needs. */
export interface GlobalsReading {
  readonly address: ServerAddress;
  readonly programs: ClientPrograms;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly serverVersion: string;
  /** Whether the role may read password hashes. */
  readonly passwords: boolean;
}

/** True when the role may read `pg_authid`, where the password hashes are. */
export async function mayReadPasswords(session: Session): Promise<boolean> {
  const [row] = await session.query<{ readable: boolean }>(
    "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS readable",
  );
  return row?.readable === true;
}

/** Roles, tablespaces and their settings as a unit. */
export function globalsUnit(reading: GlobalsReading, name: string): DumpUnit {
  return {
    content: 'dump',
    name,
    prefix: 'db',
    extension: 'sql',
    folder: 'pgdata',
    allowEmpty: true,
    estimatedBytes: null,
    read: (sink, signal) => readGlobals(reading, sink, signal),
  };
}

async function readGlobals(reading: GlobalsReading, sink: ByteSink, signal: AbortSignal): Promise<DumpReport> {
  const { address, programs, serverVersion, passwords } = reading;
  const output = new DumpOutput(sink, signal);
  const messages = await dumpGlobals(reading, (bytes) => output.write(bytes), signal);
  const { definitionsSha256, tables } = await output.end();
  const details = {
    engine: 'postgres',
    scope: 'globals' as const,
    database: address.database,
    host: serverName(address),
    serverVersion,
    tool: `pg_dumpall ${programs.version}`,
    properties: {},
    definitionsSha256,
    tables,
    requires: { roles: [], extensions: [] },
  };
  return { details, issues: [...(passwords ? [] : [withoutPasswords]), ...warnings(messages, 'roles')] };
}

const withoutPasswords = {
  subject: 'roles',
  problem: 'skipped',
  detail: 'passwords of roles are not in the dump: only a superuser may read them; set them again after a restore',
  severity: 'note',
} as const;

async function dumpGlobals(reading: GlobalsReading, take: TakeBytes, signal: AbortSignal): Promise<string> {
  const { address, programs, environment, passwords } = reading;
  const args = ['--globals-only', '--no-password', ...loginDatabase(address.database), ...(passwords ? [] : ['--no-role-passwords'])];
  try {
    return await streamProgram(
      programs.invocation('pg_dumpall', args, clientEnvironment(address, address.database, environment)),
      take,
      signal,
    );
  } catch (error) {
    throw explainProgram(error, { address, database: address.database });
  }
}

/**
 * pg_dumpall logs in to `postgres` or `template1` unless told otherwise, and the role may be let in to neither. A name
 * that could be read as a connection string is not handed over.
 */
function loginDatabase(database: string): string[] {
  return /^[\w .-]+$/.test(database) ? [`--database=${database}`] : [];
}
