import { readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../domain/errors.ts';
import type { DumpRecord } from '../../../domain/manifest.ts';
import { quoteIdentifier } from '../server-error.ts';
import type { RestoreServer } from './server.ts';
import { majorOf } from './tools.ts';

/** A dump loads into its server's major version or a newer one; into an older one it may, but nobody promises it. */
export function checkVersion({ maintenance, location }: RestoreServer, { dump }: DumpRecord): void {
  if (maintenance.serverMajor >= majorOf(dump.serverVersion)) return;
  throw new HoldfastError(
    'TARGET_FAILED',
    `Cannot load "${dump.database}" into ${location}: that is PostgreSQL ${maintenance.serverVersion}, the dump is from ${dump.serverVersion}`,
    {
      hint: `Restore to a server of version ${majorOf(dump.serverVersion)} or newer`,
    },
  );
}

export async function checkRights({ maintenance, address, location }: RestoreServer): Promise<void> {
  const [role] = await maintenance.query<{ able: boolean }>(
    'SELECT rolsuper OR rolcreatedb AS able FROM pg_roles WHERE rolname = current_user',
  );
  if (role?.able === true) return;
  throw new HoldfastError('PERMISSION_DENIED', `Cannot make a database on ${location}: the role "${address.user}" may not`, {
    hint: `Let it, as a superuser: ALTER ROLE ${quoteIdentifier(address.user)} CREATEDB;`,
  });
}

/** Roles that own something in the dump or are granted something, and are not there. */
export async function findMissingRoles({ maintenance }: RestoreServer, { dump }: DumpRecord): Promise<readonly string[]> {
  const rows = await maintenance.query<{ role: string }>(
    `SELECT role FROM unnest($1::text[]) WITH ORDINALITY AS wanted (role, position)
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) ORDER BY position`,
    [dump.requires.roles],
  );
  return rows.map(({ role }) => role);
}

export function roleMissing(roles: readonly string[], { dump }: DumpRecord, location: string): HoldfastError {
  const names = roles.map((role) => `"${role}"`).join(', ');
  return new HoldfastError(
    'ROLE_MISSING',
    `Cannot load "${dump.database}" into ${location}: it needs the ${roles.length === 1 ? 'role' : 'roles'} ${names}`,
    {
      hint: `Create what is missing, or restore the server's globals first: ${roles.map((role) => `CREATE ROLE ${quoteIdentifier(role)};`).join(' ')}`,
      details: { roles },
    },
  );
}

/** Throws for an extension that is not installed or may not be made; remarks on another version than was backed up. */
export async function checkExtensions(server: RestoreServer, { dump }: DumpRecord): Promise<readonly string[]> {
  const { extensions } = dump.requires;
  const installed = await server.maintenance.query<AvailableExtension>(
    `SELECT e.name, e.default_version AS version,
      bool_or(v.version = e.default_version AND v.superuser AND NOT ${server.maintenance.serverMajor >= 13 ? 'v.trusted' : 'false'}) AS "needsSuperuser",
      (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS "isSuperuser"
    FROM pg_available_extensions e JOIN pg_available_extension_versions v ON v.name = e.name
    WHERE e.name = ANY ($1::text[]) GROUP BY 1, 2`,
    [extensions.map(({ name }) => name)],
  );
  const available = new Map(installed.map((extension) => [extension.name, extension]));
  const missing = extensions.filter(({ name }) => !available.has(name)).map(({ name }) => name);
  if (missing.length > 0) throw extensionMissing(missing, dump.database, server);
  const forbidden = extensions.filter(({ name }) => isForbidden(available.get(name))).map(({ name }) => name);
  if (forbidden.length > 0) throw extensionForbidden(forbidden, dump.database, server);
  return extensions.flatMap(({ name, version }) => {
    const here = available.get(name)?.version;
    return here === version ? [] : [`Extension "${name}" was ${version} and is ${here} on ${server.location}`];
  });
}

interface AvailableExtension {
  readonly name: string;
  readonly version: string;
  readonly needsSuperuser: boolean;
  readonly isSuperuser: boolean;
}

/** plpgsql is in every new database already. */
function isForbidden(extension: AvailableExtension | undefined): boolean {
  return extension !== undefined && extension.name !== 'plpgsql' && extension.needsSuperuser && !extension.isSuperuser;
}

function extensionMissing(names: readonly string[], database: string, { location, maintenance }: RestoreServer): HoldfastError {
  const packages = [...new Set(names.map((name) => debianPackage(name, maintenance.serverMajor)))];
  return new HoldfastError(
    'EXTENSION_MISSING',
    `Cannot load "${database}" into ${location}: it needs the ${describeExtensions(names)}, not installed there`,
    {
      hint: `Install it on that server: apt-get install ${packages.join(' ')}`,
      details: { extensions: names },
    },
  );
}

function extensionForbidden(names: readonly string[], database: string, { location, address }: RestoreServer): HoldfastError {
  return new HoldfastError(
    'PERMISSION_DENIED',
    `Cannot load "${database}" into ${location}: only a superuser may make the ${describeExtensions(names)}`,
    {
      hint: `Restore as a superuser, or make "${address.user}" one: ALTER ROLE ${quoteIdentifier(address.user)} SUPERUSER;`,
      details: { extensions: names },
    },
  );
}

function describeExtensions(names: readonly string[]): string {
  return `${names.length === 1 ? 'extension' : 'extensions'} ${names.map((name) => `"${name}"`).join(', ')}`;
}

const languages: Readonly<Record<string, string>> = {
  plpython3u: 'plpython3',
  plperl: 'plperl',
  plperlu: 'plperl',
  pltcl: 'pltcl',
  pltclu: 'pltcl',
};
/** Packages of Debian and apt.postgresql.org that are not named after their extension. */
const packaged: Readonly<Record<string, string>> = {
  postgis: 'postgis-3',
  postgis_topology: 'postgis-3',
  postgis_raster: 'postgis-3',
  postgis_tiger_geocoder: 'postgis-3',
  vector: 'pgvector',
  pg_cron: 'cron',
  pg_partman: 'partman',
  hll: 'hll',
};

function debianPackage(extension: string, major: number): string {
  const language = languages[extension];
  if (language !== undefined) return `postgresql-${language}-${major}`;
  if (extension === 'timescaledb') return `timescaledb-2-postgresql-${major}`;
  return `postgresql-${major}-${packaged[extension] ?? extension.replaceAll('_', '-')}`;
}

/** Rows as text are about as large as rows on disk; indexes and the log of changes come on top. */
const spacePerDumpByte = 1.2;

/** Only a server on this machine, run by somebody whose files this process may read, shows how much room it has. */
export async function checkSpace(server: RestoreServer, { sizeBytes, dump }: DumpRecord): Promise<void> {
  const directory = await findDataDirectory(server);
  if (directory === null) return;
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  const neededBytes = Math.ceil(sizeBytes * spacePerDumpByte);
  if (freeBytes >= neededBytes) return;
  throw new HoldfastError(
    'SPACE_SHORT',
    `Cannot load "${dump.database}" into ${server.location}: ${gigabytes(freeBytes)} free in ${directory}, at least ${gigabytes(neededBytes)} needed`,
    {
      hint: 'Make room there, or restore to another server',
      details: { freeBytes, neededBytes, directory },
    },
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Null unless the directory of that path on this machine is the server's: in a container it is another machine's path. */
async function findDataDirectory({ maintenance }: RestoreServer): Promise<string | null> {
  const [row] = await maintenance.query<{ directory: string | null; startedAt: number }>(
    `SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS directory,
      floor(extract(epoch FROM pg_postmaster_start_time()))::float8 AS "startedAt"`,
  );
  if (row === undefined || row.directory === null) return null;
  const pidFile = await readFile(join(row.directory, 'postmaster.pid'), 'utf8').catch(() => '');
  const startedAt = Number(pidFile.split('\n')[2]);
  return Math.abs(startedAt - row.startedAt) <= 5 ? row.directory : null;
}
