import { z } from 'zod';
import { isHoldfastError } from '../../domain/errors.ts';
import type { Secret } from '../../domain/secret.ts';
import { pathText, secretText } from '../../ports/config-fields.ts';
import { parsePattern } from './table-patterns.ts';
import { formatUrl, parseUrl, resolveAddress, type ServerAddress, tlsModes } from './server-address.ts';

const name = (words: string) => z.string().min(1, 'must not be empty').describe(words);

const tablePattern = () =>
  name('pattern').refine((text) => parsePattern(text) !== null, { error: 'is not a pattern of tables such as public.sessions or audit.*' });

const serverKeys = {
  host: name('name or address of the server, or the directory of its socket; default: PGHOST, then the local socket').optional(),
  port: z.int().min(1).max(65_535).describe('default: PGPORT, then 5432').optional(),
  user: name('role to log in as; default: PGUSER, then the user of the operating system').optional(),
  password: secretText().describe('default: PGPASSWORD or PGPASSWORD_FILE, then the password file').optional(),
  database: name('database to log in to, and to back up unless "databases" says otherwise; default: PGDATABASE, then the user').optional(),
  sslmode: z.enum(tlsModes).describe('as libpq; default: PGSSLMODE, then "prefer", or "allow" on this machine').optional(),
  sslrootcert: name('absolute path of the certificate of the authority that signed the server\'s, or "system"').optional(),
  sslcert: pathText().describe('file with the certificate to show').optional(),
  sslkey: pathText().describe('file with the key of that certificate').optional(),
};

/** So that a slip is found by whoever checks the configuration, not by the run. A secret that cannot be had yet is not malformed. */
function refuseMalformed(url: Secret, context: z.core.$RefinementCtx<Secret>): void {
  try {
    parseUrl(url.reveal());
  } catch (cause) {
    if (!isHoldfastError(cause)) throw cause;
    if (cause.code !== 'SECRET_MISSING') context.addIssue({ code: 'custom', message: cause.message });
  }
}

export const postgresSchema = z
  .strictObject({
    url: secretText()
      .superRefine(refuseMalformed)
      .describe('postgres://user:password@host:5432/database, in place of host, port, user, password and database')
      .optional(),
    ...serverKeys,
    databases: z
      .union([z.literal('all'), z.array(name('name of a database')).min(1, 'must name a database')])
      .describe('databases to back up, or "all" for every one on the server; default: the one that is logged in to')
      .optional(),
    globals: z.boolean().default(false).describe('back up roles and tablespaces of the server too'),
    allowEmpty: z
      .boolean()
      .default(false)
      .describe('accept a database that held tables or rows before and holds none now; otherwise the snapshot is degraded'),
    excludeTableData: z
      .array(tablePattern())
      .min(1, 'must name a table')
      .describe(
        'tables to dump without their rows, as patterns of pg_dump --exclude-table-data (audit.*, public.sessions); without a schema in public',
      )
      .optional(),
    container: name('Docker container in which the server and fitting client programs run; they are started there').optional(),
    connections: z.int().min(1).max(16).optional().describe('how many connections copy rows at the same time; default 2, in a container 1'),
  })
  .refine(
    (config) => config.url === undefined || Object.keys(serverKeys).every((key) => config[key as keyof typeof serverKeys] === undefined),
    {
      error: `cannot stand beside ${Object.keys(serverKeys).join(', ')}: the URL says all of it`,
      path: ['url'],
    },
  )
  .refine((config) => !Array.isArray(config.databases) || new Set(config.databases).size === config.databases.length, {
    error: 'names a database twice',
    path: ['databases'],
  });

export type PostgresConfig = z.infer<typeof postgresSchema>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the configured server is, completed from the environment. Throws `CONFIG_INVALID`. */
export function configuredAddress(config: PostgresConfig, environment: Environment): ServerAddress {
  const parts = config.url === undefined ? config : parseUrl(config.url.reveal());
  // Programs in a container reach its server over its own loopback, where images of PostgreSQL trust.
  const local = config.container === undefined ? {} : { host: '127.0.0.1', user: environment['PGUSER'] ?? 'postgres' };
  return resolveAddress({ ...local, ...withoutUndefined(parts) }, environment);
}

/** URL of a database of the configured server; null for one that answers inside its container only. Throws `CONFIG_INVALID`. */
export function liveUrl(config: PostgresConfig, database: string, environment: Environment): Secret | null {
  return config.container === undefined ? formatUrl({ ...configuredAddress(config, environment), database }) : null;
}

/** The databases that the configuration alone names; null when only the server or the environment can tell. */
export function configuredDatabases(config: PostgresConfig): readonly string[] | null {
  if (Array.isArray(config.databases)) return config.databases;
  if (config.databases === 'all') return null;
  const database = config.url === undefined ? config.database : databaseOf(config.url);
  return database === undefined ? null : [database];
}

/** Undefined also when the URL is malformed: that is reported when it is used. */
function databaseOf(url: Secret): string | undefined {
  try {
    return parseUrl(url.reveal()).database;
  } catch {
    return undefined;
  }
}

function withoutUndefined<T extends object>(parts: T): T {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T;
}
