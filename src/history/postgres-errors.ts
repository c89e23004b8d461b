import { HoldfastError } from '../domain/errors.ts';
import { isSystemError } from '../platform/system-error.ts';

interface Meaning {
  /** Tried on the SQLSTATE or errno, and on the message where the driver gives no code. */
  readonly matches: RegExp;
  readonly hint: string;
  readonly later?: true;
}

const meanings: readonly Meaning[] = [
  {
    matches: /^28|client password must be|no password supplied/,
    hint: "Correct the user and the password in HOLDFAST_HISTORY_URL, and see that the server's pg_hba.conf lets this machine in",
  },
  { matches: /^3D000$/, hint: 'Create the database, or correct its name in HOLDFAST_HISTORY_URL' },
  {
    matches: /^42501$/,
    hint: 'Let the user of HOLDFAST_HISTORY_URL own the schema, as a superuser in that database: CREATE SCHEMA IF NOT EXISTS holdfast; ALTER SCHEMA holdfast OWNER TO that user; ALTER TABLE for its tables too',
  },
  {
    matches: /^(SELF_SIGNED_CERT|DEPTH_ZERO|UNABLE_TO_|CERT_|ERR_TLS|ERR_SSL)|does not support SSL/,
    hint: 'Set sslmode and sslrootcert in HOLDFAST_HISTORY_URL to what the server offers',
  },
  {
    matches: /^(53|58|XX)/,
    hint: 'See in the log of the PostgreSQL server what it lacks (disk, memory, connections)',
    later: true,
  },
  {
    matches: /^(08|57P|57014|25P0[34]|55P03|40|25006)/,
    hint: 'Wait until the PostgreSQL server takes writes again: what happens meanwhile is kept here and recorded then',
    later: true,
  },
  {
    matches:
      /^(ECONN|ENOENT|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|EPIPE|EACCES)|Connection terminated|timeout|connection error|Client was closed/,
    hint: 'Check that the PostgreSQL server of the history runs and can be reached: pg_isready',
    later: true,
  },
];

/** Wrong values, which the server would refuse again: only a bug can cause them. */
const refusedForEver = /^2[23]/;

/**
 * What a failure means for the user. Everything but a refused value is `HISTORY_UNREADABLE`: whatever happened to the
 * database, backups go on.
 */
export function translatedPostgres(error: unknown, where: string): unknown {
  if (error instanceof HoldfastError) return error;
  // Several addresses of one name failed: any of them will do.
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  if (!(first instanceof Error)) return error;
  const code = 'code' in first && typeof first.code === 'string' ? first.code : '';
  if (refusedForEver.test(code)) return error;
  const meaning = meanings.find(({ matches }) => matches.test(code) || (!isServerAnswer(code) && matches.test(first.message)));
  if (meaning === undefined && !isServerAnswer(code) && !isSystemError(first)) return error;
  return new HoldfastError('HISTORY_UNREADABLE', `Cannot use the history in ${where}: ${first.message}`, {
    hint: meaning?.hint ?? 'See in the log of the PostgreSQL server what is wrong with the schema "holdfast"',
    cause: error,
    details: { damaged: false, full: false, ...(isServerAnswer(code) ? { sqlState: code } : {}) },
    ...(meaning?.later === undefined ? {} : { retry: { kind: 'later' } }),
  });
}

/** A SQLSTATE: the server was there and said no. */
function isServerAnswer(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code);
}
