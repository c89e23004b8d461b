import { type ErrorCode, HoldfastError, type Retry } from '../../domain/errors.ts';
import { describeAddress, serverName, type ServerAddress } from './server-address.ts';

/** What was tried, for the message. */
export interface Attempt {
  readonly address: ServerAddress;
  readonly database: string;
  /** In words: `connect to`, `read`. */
  readonly action: string;
  /** Code of everything that is not about reaching the server or being let in. */
  readonly otherwise: ErrorCode;
}

interface ServerError {
  readonly message: string;
  readonly code?: string;
}

/** Turns an error of the driver or the server into ours, keeping it as the cause. A HoldfastError comes back as it is. */
export function translateServerError(error: unknown, attempt: Attempt): HoldfastError {
  if (error instanceof HoldfastError) return error;
  // Several addresses of one name failed: any of them will do.
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const { message, code = '' } = first instanceof Error ? (first as Error & ServerError) : { message: String(first) };
  const known = explanations.find(({ matches }) => matches.test(code) || matches.test(message));
  const { code: ours, hint, retry } = known?.explain(attempt) ?? { code: attempt.otherwise, hint: unexplained };
  return new HoldfastError(ours, `Cannot ${attempt.action} ${describeAddress(attempt.address, attempt.database)}: ${message}`, {
    hint,
    cause: error,
    ...(retry === undefined ? {} : { retry }),
    details: { server: serverName(attempt.address), database: attempt.database, ...(code === '' ? {} : { sqlState: code }) },
  });
}

interface Explanation {
  /** Tried on the SQLSTATE or errno, and on the message where the driver gives no code. */
  readonly matches: RegExp;
  readonly explain: (attempt: Attempt) => { readonly code: ErrorCode; readonly hint: string; readonly retry?: Retry };
}

const unexplained = 'Look the error up in the log of the PostgreSQL server, then run the command again';
const later: Retry = { kind: 'later' };

const explanations: readonly Explanation[] = [
  {
    matches: /^28P01$|client password must be|no password supplied/,
    explain: ({ address }) => ({
      code: 'CREDENTIALS_REJECTED',
      hint: `Give the right password of the role "${address.user}" in the URL, in PGPASSWORD or PGPASSWORD_FILE, or in ${address.passwordFile} (mode 0600)`,
    }),
  },
  {
    matches: /^28000$/,
    explain: ({ address, database }) => ({
      code: 'CREDENTIALS_REJECTED',
      hint: `Allow the role "${address.user}" to connect to "${database}" in the server's pg_hba.conf, or set another user`,
    }),
  },
  {
    matches: /^3D000$/,
    explain: ({ address }) => ({
      code: 'DATABASE_UNKNOWN',
      hint: `Correct the database name; list what there is with: psql -h ${address.host} -p ${address.port} -U ${address.user} -l`,
    }),
  },
  {
    matches: /unsupported startup parameter/,
    explain: () => ({
      code: 'SERVER_UNREACHABLE',
      hint: 'Connect to the PostgreSQL server itself, not through PgBouncer: a pooler cannot hold the snapshot of a backup',
    }),
  },
  {
    matches: /^42501$|permission denied|row-level security policy/,
    explain: ({ address, database }) => ({
      code: 'PERMISSION_DENIED',
      hint: `Grant what is missing, as a superuser in "${database}": ${grantAll(address.user)}`,
    }),
  },
  {
    matches: /^(55P03|40P01)$/,
    explain: () => ({
      code: 'SOURCE_UNREADABLE',
      hint: "End the transaction that holds an exclusive lock, or wait for it; find it with: SELECT pid, query FROM pg_stat_activity WHERE state <> 'idle';",
      retry: later,
    }),
  },
  {
    matches: /^(53300|57P03|57P0[12]|08\d\d\d)$/,
    explain: () => ({
      code: 'SERVER_UNREACHABLE',
      hint: 'Wait until the server accepts connections, then run the command again',
      retry: later,
    }),
  },
  {
    matches: /^(SELF_SIGNED_CERT|DEPTH_ZERO|UNABLE_TO_|CERT_|ERR_TLS|ERR_SSL)|does not support SSL/,
    explain: () => ({
      code: 'SERVER_UNREACHABLE',
      hint: "Set sslrootcert to the certificate of the authority that signed the server's, or sslmode to what the server offers",
    }),
  },
  {
    matches:
      /^(ECONN|ENOENT|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|EPIPE|EACCES)|Connection terminated|timeout expired|Client has encountered a connection error|Client was closed/,
    explain: ({ address }) => ({
      code: 'SERVER_UNREACHABLE',
      hint: `Check that the server runs and listens on ${serverName(address)}: pg_isready -h ${address.host} -p ${address.port}`,
      retry: later,
    }),
  },
];

/** Lets a role read everything: a built-in role does from version 14 on. */
export function grantAll(user: string): string {
  return `GRANT pg_read_all_data TO ${quoteIdentifier(user)};`;
}

/** Always quoted, so that it is right whatever the name. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
