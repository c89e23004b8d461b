import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { cancelled, type ErrorCode, HoldfastError, throwIfAborted } from '../../domain/errors.ts';
import { openCopySocket } from './copy-socket.ts';
import { findPassword } from './password-file.ts';
import type { ServerAddress, TlsSettings } from './server-address.ts';
import { translateServerError } from './server-error.ts';
import { sessionOptions } from './session-settings.ts';

export interface ConnectOptions {
  readonly address: ServerAddress;
  /** Instead of the address's own. */
  readonly database?: string;
  /** Code of failures that are neither the network's nor the credentials'; default `SOURCE_UNREADABLE`. */
  readonly otherwise?: ErrorCode;
  /** Instead of a socket: a stream that the driver may use as one. TLS is not used over it. */
  readonly openStream?: () => Duplex;
  readonly signal: AbortSignal;
}

/** One connection with the fixed settings. After the signal fires it is closed and every query rejects with `CANCELLED`. */
export interface Session extends AsyncDisposable {
  readonly client: pg.Client;
  readonly database: string;
  /** As the server prints it: `15.18 (Debian 15.18-0+deb12u1)`. */
  readonly serverVersion: string;
  readonly serverMajor: number;
  /** Rows of one statement. Throws translated errors. */
  query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** What a failure of something done through `client` means. */
  explain(error: unknown): Error;
}

/** Throws `SERVER_UNREACHABLE`, `CREDENTIALS_REJECTED`, `DATABASE_UNKNOWN`, `CANCELLED`. */
export async function connect(options: ConnectOptions): Promise<Session> {
  const { address, signal, otherwise = 'SOURCE_UNREADABLE' } = options;
  const database = options.database ?? address.database;
  throwIfAborted(signal);
  const explain = (action: string) => (error: unknown) =>
    signal.aborted ? cancelled(signal) : translateServerError(error, { address, database, action, otherwise });
  const client = await openClient({ ...options, database }).catch((error: unknown) => {
    throw explain('connect to')(error);
  });
  return startSession({ client, database, signal, explain: explain('work on') });
}

interface SessionParts {
  readonly client: pg.Client;
  readonly database: string;
  readonly signal: AbortSignal;
  readonly explain: (error: unknown) => Error;
}

async function startSession({ client, database, signal, explain }: SessionParts): Promise<Session> {
  const query = async <Row extends object>(sql: string, values: readonly unknown[] = []) => {
    try {
      return (await client.query<Row>(sql, [...values])).rows;
    } catch (error) {
      throw explain(error);
    }
  };
  const abort = () => destroy(client);
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) throw cancelled(signal);
    const [version] = await query<{ number: number; text: string }>(
      `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS text`,
    );
    const serverMajor = Math.floor((version?.number ?? 0) / 10_000);
    for (const [name, value, since] of laterSettings) if (serverMajor >= since) await query(`SET ${name} = ${value}`);
    return {
      client,
      database,
      serverVersion: version?.text ?? '',
      serverMajor,
      query,
      explain,
      async [Symbol.asyncDispose]() {
        signal.removeEventListener('abort', abort);
        await close(client);
      },
    };
  } catch (error) {
    signal.removeEventListener('abort', abort);
    destroy(client);
    throw error;
  }
}

/** Settings that older servers would refuse a connection for. */
const laterSettings: readonly (readonly [name: string, value: string, sinceMajor: number])[] = [
  ['jit', 'off', 11],
  ['transaction_timeout', '0', 17],
];

async function openClient({ address, database, openStream, signal }: ConnectOptions & { readonly database: string }): Promise<pg.Client> {
  const password = address.password ?? (await findPassword(address, database));
  const variants = openStream === undefined ? await tlsVariants(address) : [false as const];
  const failures: unknown[] = [];
  for (const ssl of variants) {
    const stream = openStream ?? (ssl === false ? openCopySocket : undefined);
    const client = new pg.Client({
      host: address.host,
      port: address.port,
      user: address.user,
      database,
      // A function keeps the driver from looking for a password in its own process's environment.
      password: () => password?.reveal() ?? '',
      ssl,
      options: sessionOptions,
      application_name: 'holdfast',
      connectionTimeoutMillis: address.connectTimeoutMs,
      keepAlive: true,
      ...(stream === undefined ? {} : { stream }),
    });
    // Without a listener a connection lost between two queries would end the process; the next query reports it.
    client.on('error', ignoreUntilNextQuery);
    try {
      await connectUnlessAborted(client, signal);
      return client;
    } catch (error) {
      destroy(client);
      failures.push(error);
      if (!mayRetryOtherTls(error)) break;
    }
  }
  throw mostTelling(failures);
}

/** Of the ways that were tried, TLS and plain, one may only have met a server that does not offer it or lets nobody in by it. */
function mostTelling(failures: readonly unknown[]): unknown {
  const answers = failures.filter((error) => error instanceof pg.DatabaseError);
  return answers.findLast(({ routine }) => routine !== accessRules) ?? answers.at(-1) ?? failures.at(-1);
}

/** Where in the server pg_hba.conf is looked up; the text of its refusal is in the server's own language. */
const accessRules = 'ClientAuthentication';

async function connectUnlessAborted(client: pg.Client, signal: AbortSignal): Promise<void> {
  const abort = () => destroy(client);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function ignoreUntilNextQuery(): void {
  // Deliberately nothing: see the caller.
}

/** How to try, in order; as libpq's sslmode. @see https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION */
async function tlsVariants({ host, tls }: ServerAddress): Promise<(false | ConnectionOptions)[]> {
  if (host.startsWith('/') || tls.mode === 'disable') return [false];
  const options = await tlsOptions(tls);
  if (tls.mode === 'allow') return [false, options];
  return tls.mode === 'prefer' ? [options, false] : [options];
}

async function tlsOptions(tls: TlsSettings): Promise<ConnectionOptions> {
  const system = tls.rootCertificate === 'system';
  const [ca, cert, key] = await Promise.all([
    system ? undefined : readPem(tls.rootCertificate),
    readPem(tls.certificate),
    readPem(tls.key),
  ]);
  const verifyChain = system || ['verify-ca', 'verify-full'].includes(tls.mode) || (tls.mode === 'require' && ca !== undefined);
  const verifyName = system || tls.mode === 'verify-full';
  return {
    rejectUnauthorized: verifyChain,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(verifyName ? {} : { checkServerIdentity: () => undefined }),
  };
}

async function readPem(path: string | null): Promise<string | undefined> {
  if (path === null) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `Cannot read the certificate or key "${path}": ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint: 'Correct sslrootcert, sslcert or sslkey, or make the file readable',
        cause,
      },
    );
  }
}

function mayRetryOtherTls(error: unknown): boolean {
  const { code, message = '' } = error as { code?: string; message?: string };
  return code === '28000' || message.includes('does not support SSL');
}

function destroy(client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

/** A connection that broke cannot be ended politely any more. */
async function close(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => destroy(client), 2000);
  await client.end().catch(() => destroy(client));
  clearTimeout(timer);
}
