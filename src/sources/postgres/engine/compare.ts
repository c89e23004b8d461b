import { type HoldfastError, isHoldfastError } from '../../../domain/errors.ts';
import type { DumpDetails, TableRecord } from '../../../domain/manifest.ts';
import type { CompareDepth, TableDifference } from '../../../ports/dump-engine.ts';
import type { Session } from '../connection.ts';
import { quoteIdentifier } from '../server-error.ts';
import { type CopiedRows, copyStatement, countRows, countStatement, hashRows } from './copy-out.ts';
import { quoteLiteral } from './quoting.ts';
import { accepts } from './server.ts';

export interface Comparison {
  readonly dump: DumpDetails;
  readonly depth: CompareDepth;
  /** Opens a connection to the loaded database. */
  connect(): Promise<Session>;
  /** How many tables are read at a time. */
  readonly connections: number;
}

/**
 * Compares every table with the record: its rows counted, or read back and digested as well. The digest is over the rows in physical
 * order, which a load keeps: COPY into a table that was made in the same transaction only ever appends
 * (TABLE_INSERT_SKIP_FSM, postgres src/backend/commands/copyfrom.c), and COPY TO reads from the first page to the last
 * (synchronize_seqscans is off). Sequences, large objects and definitions are not read back: psql set them, or the load
 * would have failed.
 */
export async function compareTables(comparison: Comparison): Promise<readonly TableDifference[]> {
  await using catalog = await comparison.connect();
  const found = await readTables(catalog);
  const records = comparison.dump.tables;
  const recorded = new Set(records.map(tableKey));
  const extra = found.filter((table) => !table.ofExtension && !recorded.has(tableKey(table)));
  const conditions = new Map(found.map((table) => [tableKey(table), table.condition]));
  const [changed, unexpected] = await Promise.all([compareRecorded(comparison, conditions), describeExtra(catalog, extra)]);
  return [...changed, ...missingOf(comparison.dump, conditions), ...unexpected];
}

/** Of tables whose rows the backup leaves out; that they are empty is seen among those that it has no rows of. */
function missingOf({ withoutRows = [] }: DumpDetails, found: ReadonlyMap<string, unknown>): TableDifference[] {
  const missing = withoutRows.filter((table) => !found.has(tableKey(table)));
  return missing.map(({ schema, name }) => ({ table: `${schema}.${name}`, expected: null, found: null, message: 'table is missing' }));
}

interface FoundTable extends Pick<TableRecord, 'schema' | 'name'> {
  /** Made by CREATE EXTENSION: its rows are the extension's own, unless it says that some are the user's. */
  readonly ofExtension: boolean;
  readonly condition: string | null;
}

/** Names may hold any character but NUL. */
function tableKey({ schema, name }: Pick<TableRecord, 'schema' | 'name'>): string {
  return `${schema}\0${name}`;
}

function readTables(session: Session): Promise<FoundTable[]> {
  return session.query<FoundTable>(`
    SELECT n.nspname AS schema, c.relname AS name, e.oid IS NOT NULL AS "ofExtension",
      e.extcondition[array_position(e.extconfig, c.oid)] AS condition
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
      AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    LEFT JOIN pg_extension e ON e.oid = d.refobjid
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY 1, 2`);
}

async function compareRecorded(comparison: Comparison, conditions: ReadonlyMap<string, string | null>): Promise<TableDifference[]> {
  // Large tables first, so that no connection is left alone with one at the end.
  const queue = comparison.dump.tables.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  const differences: TableDifference[] = [];
  const work = async () => {
    await using session = await comparison.connect();
    await printAsDumped(session, comparison.dump);
    for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
      const difference = await compareTable(session, { table, depth: comparison.depth, condition: conditions.get(tableKey(table)) });
      if (difference !== null) differences.push(difference);
    }
  };
  const stopping = async (error: unknown): Promise<never> => {
    queue.length = 0;
    throw error;
  };
  const workers = Array.from({ length: Math.min(comparison.connections, queue.length) }, () => work().catch(stopping));
  const failed = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return differences.toSorted((a, b) => (a.table < b.table ? -1 : 1));
}

/** pg_dump prints rows in the database's own encoding, and amounts of money in the server's own way. */
async function printAsDumped(session: Session, { properties }: DumpDetails): Promise<void> {
  const [row] = await session.query<{ encoding: string }>(`SELECT current_setting('server_encoding') AS encoding`);
  await session.query(`SET client_encoding = ${quoteLiteral(row?.encoding ?? 'UTF8')}`);
  const { lcMonetary } = properties;
  if (typeof lcMonetary === 'string' && (await accepts(session, 'lc_monetary', lcMonetary)))
    await session.query(`SET lc_monetary = ${quoteLiteral(lcMonetary)}`);
}

interface TableComparison {
  readonly table: TableRecord;
  readonly depth: CompareDepth;
  /** Undefined for a table that is not there. */
  readonly condition: string | null | undefined;
}

async function compareTable(session: Session, { table, depth, condition }: TableComparison): Promise<TableDifference | null> {
  const expected = { rows: table.rows, sha256: table.sha256 };
  const differs = (found: CopiedRows | null, message: string) => ({ table: `${table.schema}.${table.name}`, expected, found, message });
  if (condition === undefined) return differs(null, 'table is missing');
  const read =
    depth === 'full' ? hashRows(session, copyStatement(table.copy, condition)) : countRows(session, countStatement(table.copy, condition));
  const found = await read.catch((error: unknown) => {
    if (isAboutTheTable(error)) return error.message;
    throw error;
  });
  if (typeof found === 'string') return differs(null, `cannot be read: ${found}`);
  if (found.rows !== table.rows) return differs(found, describeCounts(table.rows, found.rows));
  return found.sha256 === null || found.sha256 === table.sha256 ? null : differs(found, `same count (${count(found.rows)}), other content`);
}

/** A column that is missing or may not be read: SQLSTATE class 42. Everything else is about the connection or the server. */
function isAboutTheTable(error: unknown): error is HoldfastError {
  return isHoldfastError(error) && String(error.details['sqlState']).startsWith('42');
}

function describeCounts(expected: number, found: number): string {
  const difference = Math.abs(expected - found);
  return `${count(difference)} ${found < expected ? 'missing' : 'too many'}: ${expected} in the backup, ${found} found`;
}

function count(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}

/** A table that the record does not know differs when it has rows; an empty one is what a plan that leaves out its rows restores to. */
async function describeExtra(session: Session, extra: readonly FoundTable[]): Promise<TableDifference[]> {
  const differences: TableDifference[] = [];
  for (const { schema, name } of extra) {
    const table = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
    const [row] = await session.query<{ filled: boolean }>(`SELECT EXISTS (SELECT FROM ONLY ${table}) AS filled`);
    if (row?.filled === true) {
      differences.push({ table: `${schema}.${name}`, expected: null, found: null, message: 'has rows that are not in the backup' });
    }
  }
  return differences;
}
