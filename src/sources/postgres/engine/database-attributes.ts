import { z } from 'zod';
import { HoldfastError, isHoldfastError } from '../../../domain/errors.ts';
import type { DumpDetails } from '../../../domain/manifest.ts';
import type { Session } from '../connection.ts';
import { quoteIdentifier } from '../server-error.ts';
import { quoteLiteral, setClause } from './quoting.ts';

/** What a database has beside its content, and pg_dump leaves out: it must come along when another takes its name. */
export interface DatabaseAttributes {
  readonly owner: string;
  /** -1: none. */
  readonly connectionLimit: number;
  readonly comment: string | null;
  /** Null: the server's own, which takes no right to use. */
  readonly tablespace: string | null;
  /** `ALTER DATABASE … SET` (role null) and `ALTER ROLE … IN DATABASE … SET`, each as the catalog keeps it: `name=value`. */
  readonly settings: readonly { readonly role: string | null; readonly setting: string }[];
  /** Null: those that every new database has. A null grantee is PUBLIC. Who granted them is not kept. */
  readonly grants: readonly { readonly grantee: string | null; readonly privilege: string; readonly grantable: boolean }[] | null;
}

/** Null when there is no such database. */
export async function readAttributes(session: Session, name: string): Promise<DatabaseAttributes | null> {
  const [database] = await session.query<Omit<DatabaseAttributes, 'settings' | 'grants'> & { oid: number; granted: boolean }>(
    `SELECT d.oid, pg_get_userbyid(d.datdba) AS owner, d.datconnlimit AS "connectionLimit", d.datacl IS NOT NULL AS granted,
      shobj_description(d.oid, 'pg_database') AS comment, nullif(t.spcname, 'pg_default') AS tablespace
    FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = $1`,
    [name],
  );
  if (database === undefined) return null;
  const { oid, granted, ...attributes } = database;
  const settings = await session.query<DatabaseAttributes['settings'][number]>(
    `SELECT CASE setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(setrole) END AS role, unnest(setconfig) AS setting
    FROM pg_db_role_setting WHERE setdatabase = $1`,
    [oid],
  );
  const grants = await session.query<NonNullable<DatabaseAttributes['grants']>[number]>(
    `SELECT CASE g.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(g.grantee) END AS grantee, g.privilege_type AS privilege, g.is_grantable AS grantable
    FROM pg_database d, aclexplode(d.datacl) g WHERE d.oid = $1`,
    [oid],
  );
  return { ...attributes, settings, grants: granted ? grants : null };
}

/** Gives them to a database, all or none; but for the comment and the tablespace. */
export async function applyAttributes(session: Session, database: string, attributes: DatabaseAttributes): Promise<void> {
  await session.query('BEGIN');
  try {
    for (const statement of statementsFor(quoteIdentifier(database), attributes)) await session.query(statement);
    await session.query('COMMIT');
  } catch (error) {
    await session.query('ROLLBACK');
    throw error;
  }
}

/**
 * Gives a database what its dump remembers of the one that was backed up, for a server that has no such database; but for the
 * comment. Another server need not have all the roles: what it refuses is left out and told in the remarks.
 */
export async function applyRecordedAttributes(
  session: Session,
  database: string,
  attributes: RecordedAttributes,
): Promise<readonly string[]> {
  const remarks: string[] = [];
  for (const statement of statementsFor(quoteIdentifier(database), attributes)) {
    await session.query(statement).catch((error: unknown) => {
      if (!isHoldfastError(error) || error.details['sqlState'] === undefined) throw error;
      const reason = error.cause instanceof Error ? error.cause.message : error.message;
      remarks.push(`The restored database goes without an attribute of the one that was backed up: ${reason} (${statement})`);
    });
  }
  return remarks;
}

/** Null, and no settings, for what is not known: manifests of earlier versions have only the owner and the settings for all. */
type RecordedAttributes = Omit<DatabaseAttributes, 'owner' | 'connectionLimit' | 'tablespace'> & {
  readonly owner: string | null;
  readonly connectionLimit: number | null;
};

/** Throws `MANIFEST_INVALID`. */
export function recordedAttributes({ database, properties }: DumpDetails): RecordedAttributes {
  const read = <T>(name: string, schema: z.ZodType<T>): T | null => {
    const json = properties[name];
    return typeof json === 'string' ? parsed(schema, json, `${name} of database "${database}"`) : null;
  };
  const forRoles = read('roleSettings', z.array(z.object({ role: z.string(), settings: z.array(z.string()) }))) ?? [];
  return {
    owner: properties['owner'] ?? null,
    comment: properties['comment'] ?? null,
    connectionLimit: read('connectionLimit', z.int()),
    settings: [
      ...(read('settings', z.array(z.string())) ?? []).map((setting) => ({ role: null, setting })),
      ...forRoles.flatMap(({ role, settings }) => settings.map((setting) => ({ role, setting }))),
    ],
    grants: read('grants', z.array(z.object({ grantee: z.string().nullable(), privilege: z.enum(privileges), grantable: z.boolean() }))),
  };
}

/** What can be granted on a database; it goes into a statement as it is. */
const privileges = ['CREATE', 'CONNECT', 'TEMPORARY'] as const;

function parsed<T>(schema: z.ZodType<T>, json: string, what: string): T {
  try {
    return schema.parse(JSON.parse(json));
  } catch (error) {
    throw new HoldfastError('MANIFEST_INVALID', `Cannot read the ${what} in the manifest`, {
      hint: 'Check the store with "holdfast verify"; use another snapshot if its manifest is damaged',
      cause: error,
    });
  }
}

function statementsFor(name: string, { owner, connectionLimit, settings, grants }: RecordedAttributes): string[] {
  return [
    ...(owner === null ? [] : [`ALTER DATABASE ${name} OWNER TO ${quoteIdentifier(owner)}`]),
    ...(connectionLimit === null ? [] : [`ALTER DATABASE ${name} CONNECTION LIMIT ${connectionLimit}`]),
    ...settings.map(({ role, setting }) => {
      const subject = role === null ? `DATABASE ${name}` : `ROLE ${quoteIdentifier(role)} IN DATABASE ${name}`;
      return `ALTER ${subject} ${setClause(setting)}`;
    }),
    ...(grants === null ? [] : [`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`]),
    ...(grants === null || owner === null ? [] : [`REVOKE ALL ON DATABASE ${name} FROM ${quoteIdentifier(owner)}`]),
    ...(grants ?? []).map(({ grantee, privilege, grantable }) => {
      const to = grantee === null ? 'PUBLIC' : quoteIdentifier(grantee);
      return `GRANT ${privilege} ON DATABASE ${name} TO ${to}${grantable ? ' WITH GRANT OPTION' : ''}`;
    }),
  ];
}

export function commentOn(name: string, comment: string | null): string {
  return `COMMENT ON DATABASE ${quoteIdentifier(name)} IS ${comment === null ? 'NULL' : quoteLiteral(comment)}`;
}

/** Drops a database and ends the sessions in it. Not an error when it is gone. */
export async function dropDatabase(session: Session, name: string): Promise<void> {
  const force = session.serverMajor >= 13 ? ' WITH (FORCE)' : '';
  if (force === '') await session.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  await session.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}${force}`);
}

export async function databaseExists(session: Session, name: string): Promise<boolean> {
  return (await session.query('SELECT FROM pg_database WHERE datname = $1', [name])).length > 0;
}
