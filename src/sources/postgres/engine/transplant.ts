import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { HoldfastError } from '../../../domain/errors.ts';
import type { TableName } from '../../../ports/dump-engine.ts';
import { clientEnvironment } from '../client-environment.ts';
import type { Session } from '../connection.ts';
import { quoteIdentifier } from '../server-error.ts';
import { inOneTransaction, runPsql } from './psql.ts';
import { connectTo, loadingEnvironment, type RestoreServer } from './server.ts';

export interface Transplant {
  readonly server: RestoreServer;
  readonly psql: string;
  readonly pgDump: string;
  /** Database that has been loaded. */
  readonly from: string;
  readonly to: string;
  /** A schema that neither has. */
  readonly schema: string;
  readonly tables: readonly TableName[];
  readonly signal: AbortSignal;
}

/**
 * Copies tables into a schema of their own in another database of the server. They are cut loose first from what may be
 * otherwise or missing there: foreign keys to tables left behind, triggers, policies, parents.
 */
export async function transplantTables(transplant: Transplant): Promise<void> {
  await gatherTables(transplant);
  const { server, signal } = transplant;
  const { exitCode, errors } = await runPsql({
    binary: transplant.psql,
    arguments: ['-v', 'ON_ERROR_STOP=1'],
    environment: await loadingEnvironment(server, transplant.to),
    input: inOneTransaction(dumpSchema(transplant)),
    signal,
  });
  if (exitCode === 0) return;
  const problem = errors.at(-1)?.message ?? `psql ended with ${exitCode ?? 'a signal'}`;
  throw new HoldfastError('TARGET_FAILED', `Cannot put the tables into "${transplant.to}": ${problem}`, {
    hint: 'Restore the whole database under another name instead, and copy from there what you need',
    details: { sqlState: errors.at(-1)?.sqlState ?? '', tables: transplant.tables },
  });
}

/** In one transaction of the loaded database. */
async function gatherTables({ server, from, schema, tables, signal }: Transplant): Promise<void> {
  await using session = await connectTo(server, from, signal);
  await session.query('BEGIN');
  await session.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`);
  const members = await findTables(session, tables);
  for (const member of members) await cutLoose(session, member, members);
  for (const { id, name } of members) {
    if (members.some((other) => other.id < id && other.name === name)) throw sameName(name);
    await session.query(`ALTER TABLE ${id} SET SCHEMA ${quoteIdentifier(schema)}`);
  }
  await session.query('COMMIT');
}

interface Member {
  /** Quoted, with its schema. */
  readonly id: string;
  readonly oid: number;
  readonly name: string;
}

/** The tables named, and the partitions of those that are partitioned. */
async function findTables(session: Session, tables: readonly TableName[]): Promise<Member[]> {
  const found: Member[] = [];
  for (const { schema, name } of tables) {
    const rows = await session.query<Member>(
      `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS id, c.oid, c.relname AS name
      FROM pg_class named
      JOIN pg_namespace s ON s.oid = named.relnamespace
      JOIN LATERAL (SELECT named.oid UNION SELECT relid FROM pg_partition_tree(named.oid)) AS part (oid) ON true
      JOIN pg_class c ON c.oid = part.oid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE s.nspname = $1 AND named.relname = $2 AND named.relkind IN ('r', 'p')`,
      [schema, name],
    );
    if (rows.length === 0) throw unknownTable(schema, name);
    found.push(...rows.filter((row) => !found.some((other) => other.oid === row.oid)));
  }
  return found;
}

async function cutLoose(session: Session, member: Member, members: readonly Member[]): Promise<void> {
  const values = [member.id, member.oid, members.map(({ oid }) => oid)];
  // A partition has foreign keys of its own only once it is detached.
  for (const query of [parentsLeftBehind, attachmentsLeftBehind]) {
    const statements = await session.query<{ statement: string }>(query, values);
    for (const { statement } of statements) await session.query(statement);
  }
}

const parentsLeftBehind = `
  SELECT format(CASE WHEN c.relispartition THEN 'ALTER TABLE %2$s DETACH PARTITION %1$s' ELSE 'ALTER TABLE %1$s NO INHERIT %2$s' END,
    $1::text, i.inhparent::regclass) AS statement
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhrelid = $2 AND NOT i.inhparent = ANY ($3::oid[])`;

const attachmentsLeftBehind = `
  SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', $1::text, conname) AS statement FROM pg_constraint
  WHERE conrelid = $2 AND contype = 'f' AND conparentid = 0 AND NOT confrelid = ANY ($3::oid[])
  UNION ALL
  SELECT format('DROP TRIGGER %I ON %s', tgname, $1::text) FROM pg_trigger WHERE tgrelid = $2 AND NOT tgisinternal AND tgparentid = 0
  UNION ALL
  SELECT format('DROP POLICY %I ON %s', polname, $1::text) FROM pg_policy WHERE polrelid = $2`;

function sameName(name: string): HoldfastError {
  return new HoldfastError('USAGE', `Cannot put two tables named "${name}" into one schema`, { hint: 'Restore them one after the other' });
}

function unknownTable(schema: string, name: string): HoldfastError {
  return new HoldfastError('USAGE', `There is no table "${schema}.${name}" in the backup`, {
    hint: 'See which tables there are with "holdfast show"',
  });
}

/** pg_dump's output; throws from the iteration when pg_dump failed, so that psql does not commit. */
async function* dumpSchema({ server, pgDump, from, schema }: Transplant): AsyncGenerator<Uint8Array> {
  // A publication would send the restored rows to its subscribers.
  const child = spawn(pgDump, ['--no-password', '--no-publications', '--no-subscriptions', `--schema=${quoteIdentifier(schema)}`], {
    env: clientEnvironment(server.address, from, server.context.environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close').then(
    () => '',
    (error: unknown) => String(error),
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  let read = false;
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    read = true;
  } finally {
    if (!read) child.kill('SIGKILL');
    stderr += await closed;
  }
  if (child.exitCode === 0) return;
  throw new HoldfastError('TOOL_FAILED', `pg_dump could not read the restored tables: ${stderr.trim()}`, {
    hint: 'Restore the whole database under another name instead, and copy from there what you need',
  });
}
