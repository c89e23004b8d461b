import { existsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import { secretVariable } from '../../platform/secret-variable.ts';
import { readService, type ServiceParameter } from './service-file.ts';

/** Where a server listens and as whom to log in: what libpq takes from a URL, its parts or the environment. */
export interface ServerAddress {
  /** Name or address, or the directory of the server's socket, which begins with a slash. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Null: from the password file, or none is needed. */
  readonly password: Secret | null;
  readonly passwordFile: string;
  readonly database: string;
  readonly tls: TlsSettings;
  readonly connectTimeoutMs: number;
}

export interface TlsSettings {
  readonly mode: TlsMode;
  /** Paths of PEM files; null: not used. */
  readonly rootCertificate: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

export const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof tlsModes)[number];

/** Any part may be left out: the service, then the `PG*` variables and then libpq's defaults fill it in. */
export interface AddressParts {
  readonly service?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  readonly database?: string | undefined;
  readonly sslmode?: string | undefined;
  readonly sslrootcert?: string | undefined;
  readonly sslcert?: string | undefined;
  readonly sslkey?: string | undefined;
  readonly passfile?: string | undefined;
  readonly connectTimeout?: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Completes the parts as libpq does. Throws `CONFIG_INVALID`, and `SECRET_MISSING` for a `PGPASSWORD_FILE` that is not there.
 * @see https://www.postgresql.org/docs/current/libpq-envars.html
 */
export function resolveAddress(given: AddressParts, environment: Environment): ServerAddress {
  const parts = withService(given, environment);
  const port = parts.port ?? readPort(environment['PGPORT'] || '5432');
  const host = parts.host ?? (environment['PGHOST'] || environment['PGHOSTADDR'] || defaultHost(port));
  const user = parts.user ?? (environment['PGUSER'] || userInfo().username);
  return {
    host,
    port,
    user,
    password: parts.password ?? secretVariable(environment, 'PGPASSWORD'),
    passwordFile: parts.passfile ?? (environment['PGPASSFILE'] || join(homeOf(environment), '.pgpass')),
    database: parts.database ?? (environment['PGDATABASE'] || user),
    tls: resolveTls(parts, host, environment),
    connectTimeoutMs: 1000 * (parts.connectTimeout ?? (Number(environment['PGCONNECT_TIMEOUT']) || 10)),
  };
}

/** Reads `postgres://user:password@host:port/database?sslmode=…`; what it does not say comes from the environment. Throws as `resolveAddress`. */
export function addressFromUrl(url: Secret, environment: Environment): ServerAddress {
  return resolveAddress(parseUrl(url.reveal()), environment);
}

/** For people: `"app" on db.example.org:5432`. */
export function describeAddress(address: ServerAddress, database = address.database): string {
  return `"${database}" on ${serverName(address)}`;
}

/** `db.example.org:5432`, or the socket's path. */
export function serverName({ host, port }: Pick<ServerAddress, 'host' | 'port'>): string {
  return host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Follows libpq's own grammar, not the web's: a password may hold a raw `#` or `@`, and the host may be a socket
 * directory. Schemes like `postgresql+asyncpg` are accepted since that is what applications are configured with.
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parseUrl(url: string): AddressParts {
  const match = /^postgres(?:ql)?(?:\+\w+)?:\/\/(?:(?<login>[^/?]*)@)?(?<hosts>[^/?]*)(?:\/(?<database>[^?]*))?(?:\?(?<query>.*))?$/s.exec(
    url,
  );
  if (match?.groups === undefined)
    throw invalid('The database URL does not begin with "postgres://"', 'Write it as postgres://user:password@host:5432/database');
  const { login = '', hosts = '', database = '', query = '' } = match.groups;
  // Most likely the rest of a password that holds a raw slash: taken for a name it would be shown, and stand in file names.
  if (/[@/]/.test(database))
    throw invalid('The database URL has an "@" or "/" in the name of the database', 'Write "@" and "/" in a password as %40 and %2F');
  const [user = '', ...password] = login.split(':');
  return {
    ...(user === '' ? {} : { user: decode(user) }),
    ...(password.length === 0 ? {} : { password: new Secret(decode(password.join(':')), 'url') }),
    ...parseHost(hosts),
    ...(database === '' ? {} : { database: decode(database) }),
    ...parseQuery(query),
  };
}

/** The URL that `addressFromUrl` reads as this address, in whatever environment. */
export function formatUrl({ host, port, user, password, passwordFile, database, tls, connectTimeoutMs }: ServerAddress): Secret {
  const query = new URLSearchParams({
    host,
    port: String(port),
    sslmode: tls.mode,
    passfile: passwordFile,
    connect_timeout: String(Math.ceil(connectTimeoutMs / 1000)),
  });
  const files = { sslrootcert: tls.rootCertificate, sslcert: tls.certificate, sslkey: tls.key };
  for (const [name, path] of Object.entries(files)) if (path !== null) query.set(name, path);
  const login = encodeURIComponent(user) + (password === null ? '' : `:${encodeURIComponent(password.reveal())}`);
  // URLSearchParams writes a space as "+", which libpq does not read as one.
  return new Secret(`postgres://${login}@/${encodeURIComponent(database)}?${query.toString().replaceAll('+', '%20')}`, 'configuration');
}

function parseHost(text: string): AddressParts {
  if (text.includes(',')) throw invalid('The database URL names several hosts', 'Name the one server to read from');
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text);
  const host = decode((match?.[1] ?? '').replace(/^\[(.*)\]$/, '$1'));
  const port = match?.[2] ?? '';
  return { ...(host === '' ? {} : { host }), ...(port === '' ? {} : { port: readPort(port) }) };
}

/** What the parts do not say, the service says, which comes before the variables as in libpq. */
function withService(parts: AddressParts, environment: Environment): AddressParts {
  const name = parts.service ?? (environment['PGSERVICE'] || undefined);
  if (name === undefined) return parts;
  const known = readService(name, environment).map(partsOfService);
  // Of a parameter that stands there twice the first counts.
  return Object.assign(
    {},
    ...known.toReversed(),
    ...Object.entries(parts).map(([key, value]) => (value === undefined ? {} : { [key]: value })),
  );
}

function partsOfService({ name, value, place }: ServiceParameter): AddressParts {
  const read = Object.hasOwn(queryParameters, name) ? queryParameters[name] : undefined;
  if (read === undefined && !mannersOfService.has(name))
    throw invalid(
      `${place} has the parameter "${name}", which Holdfast cannot follow`,
      `Remove it; known are ${Object.keys(queryParameters).join(', ')}`,
    );
  if (name === 'service') throw invalid(`${place} names a service within a service`, 'Write the parameters of that service there');
  if (name === 'host' && value.includes(',')) throw invalid(`${place} names several hosts`, 'Name the one server to read from');
  return value === '' ? {} : (read?.(value) ?? {});
}

/** Parameters of libpq that say how to talk, not to whom; pg_dump and our own sessions have manners of their own. */
const mannersOfService: ReadonlySet<string> = new Set([
  'application_name',
  'client_encoding',
  'fallback_application_name',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'tcp_user_timeout',
]);

/** Parameters of libraries above libpq that say nothing about where the data is. */
const foreignParameters: ReadonlySet<string> = new Set([
  'application_name',
  'charset',
  'connection_limit',
  'pgbouncer',
  'pool_timeout',
  'schema',
  'serverVersion',
  'statement_cache_size',
]);

const queryParameters: Readonly<Record<string, (value: string) => AddressParts>> = {
  service: (service) => ({ service }),
  host: (host) => ({ host }),
  port: (port) => ({ port: readPort(port) }),
  user: (user) => ({ user }),
  password: (password) => ({ password: new Secret(password, 'url') }),
  dbname: (database) => ({ database }),
  sslmode: (sslmode) => ({ sslmode }),
  ssl: (value) => (value === 'true' ? { sslmode: 'require' } : {}),
  sslrootcert: (sslrootcert) => ({ sslrootcert }),
  sslcert: (sslcert) => ({ sslcert }),
  sslkey: (sslkey) => ({ sslkey }),
  passfile: (passfile) => ({ passfile }),
  connect_timeout: (value) => ({ connectTimeout: Number(value) || 10 }),
};

function parseQuery(query: string): AddressParts {
  let parts: AddressParts = {};
  for (const pair of query.split('&').filter((text) => text !== '')) {
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const read = Object.hasOwn(queryParameters, name) ? queryParameters[name] : undefined;
    if (read !== undefined) parts = { ...parts, ...read(equals < 0 ? '' : decode(pair.slice(equals + 1))) };
    else if (!foreignParameters.has(name)) {
      throw invalid(
        `The database URL has the unknown parameter "${name}"`,
        `Remove "${name}"; known are ${Object.keys(queryParameters).join(', ')}`,
      );
    }
  }
  return parts;
}

function resolveTls(parts: AddressParts, host: string, environment: Environment): TlsSettings {
  const inHome = (file: string) => {
    const path = join(homeOf(environment), '.postgresql', file);
    return existsSync(path) ? path : null;
  };
  return {
    mode: readTlsMode(parts.sslmode ?? (environment['PGSSLMODE'] || (isLoopback(host) ? 'allow' : 'prefer'))),
    rootCertificate: parts.sslrootcert ?? (environment['PGSSLROOTCERT'] || inHome('root.crt')),
    certificate: parts.sslcert ?? (environment['PGSSLCERT'] || inHome('postgresql.crt')),
    key: parts.sslkey ?? (environment['PGSSLKEY'] || inHome('postgresql.key')),
  };
}

function readTlsMode(text: string): TlsMode {
  const mode = tlsModes.find((known) => known === text);
  if (mode === undefined) throw invalid(`The TLS mode "${text}" is unknown`, `Set sslmode to one of ${tlsModes.join(', ')}`);
  return mode;
}

/** Encrypting what never leaves the machine costs as much as reading it. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function defaultHost(port: number): string {
  const directories = ['/var/run/postgresql', '/tmp'];
  return directories.find((directory) => existsSync(join(directory, `.s.PGSQL.${port}`))) ?? 'localhost';
}

function homeOf(environment: Environment): string {
  return environment['HOME'] || homedir();
}

function readPort(text: string): number {
  const port = Number(text);
  // Not quoted: in a URL whose password holds a raw slash, what looks like the port is half of the password.
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw invalid(
      'The port is not a number from 1 to 65535',
      'Give the port on which the server listens, usually 5432; write a "/" or "@" of a password as %2F or %40',
    );
  return port;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new HoldfastError('CONFIG_INVALID', 'The database URL has a "%" that is not followed by two hexadecimal digits', {
      hint: 'Write a literal "%" in user, password or database name as %25',
      // The cause of a malformed password would quote it.
      details: { reason: cause instanceof Error ? cause.name : 'unknown' },
    });
  }
}

function invalid(message: string, hint: string): HoldfastError {
  return new HoldfastError('CONFIG_INVALID', message, { hint });
}
