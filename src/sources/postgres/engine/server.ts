import { HoldfastError, isHoldfastError } from '../../../domain/errors.ts';
import type { DumpDetails } from '../../../domain/manifest.ts';
import { shellQuote } from '../../../platform/shell-quote.ts';
import type { OpenContext } from '../../../ports/descriptor.ts';
import { clientEnvironment } from '../client-environment.ts';
import { connect, type Session } from '../connection.ts';
import { serverName, type ServerAddress } from '../server-address.ts';

/** `restore`: a live server. `drill`: a server that somebody lends for drills. `throwaway`: one that exists for this drill. */
export type Purpose = 'restore' | 'drill' | 'throwaway';

/** A server to load into, and the connection from which databases there are made, swapped and dropped. */
export interface RestoreServer {
  readonly address: ServerAddress;
  readonly purpose: Purpose;
  readonly context: OpenContext;
  /** In a database that is neither the live one nor a restored one. */
  readonly maintenance: Session;
  /** For messages: host and port. */
  readonly location: string;
}

/** From where databases are made, swapped and dropped; the first that is not itself to be replaced. */
const maintenanceDatabases = ['postgres', 'template1'];

/** Whether targets of other databases on the server are likely to have their connection in this one. */
export function isForMaintenance(database: string): boolean {
  return database === maintenanceDatabases[0];
}

/**
 * Connects to a database that is not the one to be replaced. The connection outlives the signal: what was made on the
 * server must be removed after an abort too.
 */
export async function connectMaintenance(address: ServerAddress, signal: AbortSignal): Promise<Session> {
  const candidates = maintenanceDatabases.filter((database) => database !== address.database);
  let refusal: unknown;
  for (const database of candidates) {
    try {
      return await connectBeyond(address, database, signal);
    } catch (error) {
      if (!isAboutTheDatabase(error)) throw error;
      refusal = error;
    }
  }
  throw new HoldfastError(
    'PERMISSION_DENIED',
    `Cannot connect to ${candidates.map((name) => `"${name}"`).join(' or ')} on ${serverName(address)}, from where databases are made`,
    {
      hint: `Allow the role "${address.user}" to connect to the database "${candidates[0] ?? 'postgres'}"`,
      cause: refusal,
    },
  );
}

/** The database is not there, or this role may not connect to that one (also by `pg_hba.conf`: SQLSTATE 28000). */
function isAboutTheDatabase(error: unknown): boolean {
  return (
    isHoldfastError(error) && (['DATABASE_UNKNOWN', 'PERMISSION_DENIED'].includes(error.code) || error.details['sqlState'] === '28000')
  );
}

/** The signal ends the attempt to connect, not the connection. */
async function connectBeyond(address: ServerAddress, database: string, signal: AbortSignal): Promise<Session> {
  const attempt = new AbortController();
  const abort = () => attempt.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const session = await connect({ address, database, otherwise: 'TARGET_FAILED', signal: attempt.signal });
    // It says nothing for as long as a load takes.
    if (session.serverMajor >= 14) await session.query('SET idle_session_timeout = 0');
    return session;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** For people, who will be asked for the password. */
export function psqlCommand({ host, port, user }: ServerAddress, database: string, statements: readonly string[]): string {
  const where = ['-h', host, '-p', String(port), '-U', user, '-d', database].map((word) =>
    word.startsWith('-') ? word : shellQuote(word),
  );
  return ['psql -v ON_ERROR_STOP=1', ...where, ...statements.map((statement) => `-c ${shellQuote(statement)}`)].join(' ');
}

/** A session in a database of the server, ended by the signal. */
export function connectTo(server: RestoreServer, database: string, signal: AbortSignal): Promise<Session> {
  return connect({ address: server.address, database, otherwise: 'TARGET_FAILED', signal });
}

/** Memory for building indexes and checking foreign keys, when the server has less by default. */
const maintenanceMemoryKb = 256 * 1024;

/**
 * What psql is started with. Text is read as ISO dates and PostgreSQL intervals whatever the role or server prefers, and
 * no timeout of the role cuts a load short.
 */
export async function loadingEnvironment(server: RestoreServer, database: string, dump?: DumpDetails): Promise<Record<string, string>> {
  const lcMonetary = dump?.properties['lcMonetary'] ?? null;
  const [row] = await server.maintenance.query<{ kilobytes: string }>(
    `SELECT setting AS kilobytes FROM pg_settings WHERE name = 'maintenance_work_mem'`,
  );
  const settings = {
    datestyle: 'ISO',
    intervalstyle: 'postgres',
    statement_timeout: '0',
    lock_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    default_transaction_read_only: 'off',
    lc_monetary: lcMonetary !== null && (await accepts(server.maintenance, 'lc_monetary', lcMonetary)) ? lcMonetary : null,
    maintenance_work_mem: Number(row?.kilobytes) < maintenanceMemoryKb ? `${maintenanceMemoryKb}kB` : null,
  };
  const options = Object.entries(settings).flatMap(([name, value]) =>
    value === null ? [] : [`-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`],
  );
  return { ...clientEnvironment(server.address, database, server.context.environment), PGOPTIONS: options.join(' ') };
}

/** False for a value that this server does not know, such as a locale that its machine has not got. */
export async function accepts(session: Session, setting: string, value: string): Promise<boolean> {
  try {
    await session.query('SELECT set_config($1, $2, true)', [setting, value]);
    return true;
  } catch (error) {
    if (isHoldfastError(error) && String(error.details['sqlState']).startsWith('22')) return false;
    throw error;
  }
}
