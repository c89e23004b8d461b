import { join } from 'node:path';
import { HoldfastError } from '../../../domain/errors.ts';
import type { DumpRecord } from '../../../domain/manifest.ts';
import { chooseInstallation, type ClientInstallation, type ClientSearch, findInstallations, parseVersion } from '../clients.ts';

/** A program of one installation. */
export function programPath({ directory }: Pick<ClientInstallation, 'directory'>, program: string): string {
  return join(directory, program);
}

/** The newest psql there is: it works with older servers, and knows every line that a pg_dump may have written. */
export async function findPsql(search: ClientSearch): Promise<ClientInstallation> {
  const installations = await findInstallations('psql', search);
  const [newest] = installations.toSorted((a, b) => compareVersions(b.version, a.version));
  if (newest !== undefined) return newest;
  throw new HoldfastError('TOOL_MISSING', 'Cannot load a PostgreSQL dump: psql is not installed', {
    hint: 'Install it: apt-get install postgresql-client',
  });
}

/**
 * Since August 2025 dumps begin with `\restrict`, which an older psql takes for an error.
 * @see https://www.postgresql.org/support/security/CVE-2025-8714/
 */
export function checkPsqlReads(psql: ClientInstallation, { dump }: DumpRecord): void {
  const writer = parseVersion(`(PostgreSQL) ${/\d+.*/.exec(dump.tool)?.[0] ?? ''}`);
  if (writer === null || !knowsRestrict(writer.version) || knowsRestrict(psql.version)) return;
  throw new HoldfastError(
    'TOOL_MISSING',
    `Cannot load the dump of "${dump.database}": psql ${psql.version} does not know the \\restrict that ${dump.tool} writes`,
    {
      hint: `Upgrade it: apt-get install --only-upgrade postgresql-client-${psql.major}`,
      details: { psql: psql.version, dumpedBy: dump.tool },
    },
  );
}

const restrictSince: Readonly<Record<number, number>> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 };

function knowsRestrict(version: string): boolean {
  const [major = 0, minor = 0] = versionNumbers(version);
  return major >= 18 || minor >= (restrictSince[major] ?? Number.POSITIVE_INFINITY);
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [versionNumbers(a), versionNumbers(b)];
  return (left[0] ?? 0) - (right[0] ?? 0) || (left[1] ?? 0) - (right[1] ?? 0);
}

function versionNumbers(version: string): number[] {
  return version.split(/[^0-9]/, 2).map(Number);
}

export function majorOf(version: string): number {
  return Number.parseInt(version, 10) || 0;
}

/** Server programs for a throw-away server that every one of the dumps fits. */
export async function findServerPrograms(search: ClientSearch, dumps: readonly DumpRecord[]): Promise<ClientInstallation> {
  const serverMajor = Math.max(0, ...dumps.map(({ dump }) => majorOf(dump.serverVersion)));
  const installations = await findInstallations('initdb', search);
  return chooseInstallation(installations, { program: 'initdb', serverMajor, server: 'a throw-away server for the drill' });
}

/** pg_dump for reading from this server. */
export async function findPgDump(search: ClientSearch, serverMajor: number, server: string): Promise<ClientInstallation> {
  return chooseInstallation(await findInstallations('pg_dump', search), { program: 'pg_dump', serverMajor, server });
}
