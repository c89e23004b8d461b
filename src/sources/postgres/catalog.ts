import { HoldfastError } from '../../domain/errors.ts';
import type { DumpDetails } from '../../domain/manifest.ts';
import type { Session } from './connection.ts';
import { grantAll, quoteIdentifier } from './server-error.ts';

/** A table or sequence that pg_dump dumps, as the catalogue describes it. */
export interface CatalogRelation {
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  /** `r` table, `p` partitioned table, `S` sequence, `f` foreign table. */
  readonly kind: 'r' | 'p' | 'S' | 'f';
  readonly persistence: 'p' | 'u';
  /** `schema.name`, quoted where needed. */
  readonly quoted: string;
  /** Columns that hold data, quoted where needed and separated by commas; null when there are none. */
  readonly columns: string | null;
  readonly isHeap: boolean;
  readonly readable: boolean;
  readonly rowSecurity: boolean;
  /** Bytes of the table itself, and with what is stored out of line. */
  readonly heapBytes: number;
  readonly sizeBytes: number;
}

/**
 * What pg_dump selects when it is asked for a whole database: everything outside the system's schemas that does not
 * belong to an extension. Schemas beginning with `pg_` are reserved for the system.
 */
const isDumped = (oid: string, schema: string, catalog: string) => `
  ${schema} !~ '^pg_' AND ${schema} <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;

/** Everything that is locked or read. `withSizes` opens the files of each and waits for exclusive locks, so lock first. */
export async function listRelations(session: Session, { withSizes }: { readonly withSizes: boolean }): Promise<readonly CatalogRelation[]> {
  const notGenerated = session.serverMajor >= 12 ? "AND a.attgenerated = ''" : '';
  return await session.query<CatalogRelation>(`
    SELECT n.nspname AS schema, c.relname AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner, c.relkind AS kind, c.relpersistence AS persistence,
      pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
      (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ${notGenerated}) AS columns,
      ${session.serverMajor >= 12 ? "EXISTS (SELECT FROM pg_catalog.pg_am m WHERE m.oid = c.relam AND m.amname = 'heap')" : "c.relkind = 'r'"} AS "isHeap",
      CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT') ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END
        AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS readable,
      c.relrowsecurity AND pg_catalog.row_security_active(c.oid) AS "rowSecurity",
      ${withSizes ? "CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END" : '0'}::float8 AS "heapBytes",
      ${withSizes ? "CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_table_size(c.oid) ELSE 0 END" : '0'}::float8 AS "sizeBytes"
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'S', 'f') AND c.relpersistence <> 't' AND ${isDumped('c.oid', 'n.nspname', 'pg_class')}
    ORDER BY n.nspname, c.relname`);
}

/** Refuses before anything is written what pg_dump would refuse in the middle. Throws `PERMISSION_DENIED` naming every relation. */
export function checkReadable(
  relations: readonly CatalogRelation[],
  { user, database }: { readonly user: string; readonly database: string },
): void {
  const refused = relations.filter(({ readable, kind }) => !readable && kind !== 'f');
  if (refused.length > 0) {
    throw new HoldfastError('PERMISSION_DENIED', `Cannot read ${nameSome(refused)} in "${database}" as "${user}": SELECT is not granted`, {
      hint: `Run as the owner or a superuser in "${database}": ${grantStatement(refused, user)}`,
      details: { database, user, tables: refused.map(({ quoted }) => quoted) },
    });
  }
  const hidden = relations.filter(({ rowSecurity }) => rowSecurity);
  if (hidden.length > 0) {
    throw new HoldfastError(
      'PERMISSION_DENIED',
      `Cannot read all rows of ${nameSome(hidden)} in "${database}" as "${user}": row-level security hides some`,
      {
        hint: `Run as a superuser: ALTER ROLE ${quoteIdentifier(user)} BYPASSRLS;`,
        details: { database, user, tables: hidden.map(({ quoted }) => quoted) },
      },
    );
  }
}

function nameSome(relations: readonly CatalogRelation[]): string {
  const named = relations.slice(0, 5).map(({ quoted }) => quoted);
  return named.join(', ') + (relations.length > named.length ? ` and ${relations.length - named.length} more` : '');
}

function grantStatement(relations: readonly CatalogRelation[], user: string): string {
  if (relations.length > 5) return grantAll(user);
  const grants = relations.map(
    ({ kind, quoted }) => `GRANT SELECT ON ${kind === 'S' ? 'SEQUENCE ' : ''}${quoted} TO ${quoteIdentifier(user)};`,
  );
  return `${grants.join(' ')} or, for everything: ${grantAll(user)}`;
}

/**
 * How the database must be created so that the dump fits, by version of the server, and what pg_dump leaves out of a dump
 * without `--create`: owner, comment, limit, grants, and settings for all and for single roles.
 * @see https://www.postgresql.org/docs/current/app-pgdump.html (-C)
 */
export async function readProperties(session: Session): Promise<DumpDetails['properties']> {
  const since = (major: number, expression: string) => (session.serverMajor >= major ? expression : 'NULL');
  const locale = session.serverMajor >= 17 ? 'd.datlocale' : since(15, 'd.daticulocale');
  const provider = "CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END";
  const [row] = await session.query<Record<string, string | null>>(`
    SELECT pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
      ${session.serverMajor >= 15 ? provider : "'libc'"} AS "localeProvider", ${locale} AS locale, ${since(16, 'd.daticurules')} AS "icuRules",
      ${since(15, 'd.datcollversion')} AS "collationVersion", pg_catalog.pg_get_userbyid(d.datdba) AS owner,
      pg_catalog.current_setting('lc_monetary') AS "lcMonetary",
      pg_catalog.shobj_description(d.oid, 'pg_database') AS comment, d.datconnlimit::text AS "connectionLimit",
      CASE WHEN d.datacl IS NOT NULL THEN (
        SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_object(
          'grantee', CASE g.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
          'privilege', g.privilege_type, 'grantable', g.is_grantable))::text, '[]')
        FROM pg_catalog.aclexplode(d.datacl) g) END AS grants,
      (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('role', pg_catalog.pg_get_userbyid(s.setrole), 'settings', s.setconfig))::text
        FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole <> 0) AS "roleSettings",
      (SELECT pg_catalog.to_json(s.setconfig)::text FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0) AS settings
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`);
  return row ?? {};
}

/**
 * Owners and grantees of what is dumped, and its extensions. The role that made the cluster is pinned and so missing
 * from pg_shdepend; it is looked for as an owner.
 */
export async function readRequirements(session: Session): Promise<DumpDetails['requires']> {
  const notOfExtension =
    "NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = s.classid AND d.objid = s.objid AND d.deptype = 'e')";
  const ownedBy = (catalog: string, owner: string) =>
    `EXISTS (SELECT FROM pg_catalog.${catalog} o WHERE o.${owner} = r.oid AND o.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.${catalog}'::regclass AND d.objid = o.oid AND d.deptype = 'e'))`;
  const owned = [
    ['pg_class', 'relowner'],
    ['pg_proc', 'proowner'],
    ['pg_type', 'typowner'],
    ['pg_namespace', 'nspowner'],
    ['pg_largeobject_metadata', 'lomowner'],
  ] as const;
  const roles = await session.query<{ name: string }>(`
    SELECT r.rolname AS name FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' AND (
      r.oid IN (SELECT s.refobjid FROM pg_catalog.pg_shdepend s
        WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.deptype IN ('o', 'a', 'r') AND ${notOfExtension})
      OR (r.oid = 10 AND (${owned.map(([catalog, owner]) => ownedBy(catalog, owner)).join(' OR ')})))
    ORDER BY r.rolname`);
  const extensions = await session.query<{ name: string; version: string }>(
    'SELECT extname AS name, extversion AS version FROM pg_catalog.pg_extension WHERE oid >= 16384 ORDER BY extname',
  );
  return { roles: roles.map(({ name }) => name), extensions };
}

/** Bytes of large objects; 0 where the role may not look. */
export async function largeObjectBytes(session: Session): Promise<number> {
  const [row] = await session.query<{ size: number }>("SELECT pg_catalog.pg_table_size('pg_catalog.pg_largeobject')::float8 AS size");
  return row?.size ?? 0;
}
