import { sql } from 'kysely';
import type { Kysely, Transaction } from 'kysely';
import { HoldfastError } from '../domain/errors.ts';
import type { HistoryDialect } from './dialect.ts';
import { addListColumns } from './list-columns.ts';
import type { HistorySchema, RunsTable } from './schema.ts';

type Migration = (db: Transaction<HistorySchema>, dialect: HistoryDialect) => Promise<void>;

/** Steps from nothing to the present schema; what was released is never changed, only added to. Number 1 is the first. */
const migrations: readonly Migration[] = [createTables, createDatabaseTallies, addListColumns, indexLongHistories];

export const knownVersion = migrations.length;

/** Brings the schema up to `knownVersion`; returns the version found when that is newer. Processes may race to it. */
export async function migrate(db: Kysely<HistorySchema>, dialect: HistoryDialect): Promise<number> {
  const found = await versionOf(db).catch(noTableYet);
  return found >= knownVersion ? found : db.transaction().execute((transaction) => applyMissing(transaction, dialect));
}

/** A failure that means more than a missing table shows again, in full, when the tables are made. */
function noTableYet(error: unknown): number {
  if (error instanceof HoldfastError && error.details['sqlState'] !== undefinedTable) throw error;
  return 0;
}

const undefinedTable = '42P01';

async function versionOf(db: Kysely<HistorySchema>): Promise<number> {
  const row = await db
    .selectFrom('holdfast_schema')
    .select((eb) => eb.fn.max('version').as('version'))
    .executeTakeFirst();
  return row?.version ?? 0;
}

async function applyMissing(db: Transaction<HistorySchema>, dialect: HistoryDialect): Promise<number> {
  await dialect.startMigration(db);
  await db.schema
    .createTable('holdfast_schema')
    .ifNotExists()
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .execute();
  for (let version = (await versionOf(db)) + 1; version <= knownVersion; version++) {
    await migrations[version - 1]?.(db, dialect);
    await db.insertInto('holdfast_schema').values({ version }).execute();
  }
  return knownVersion;
}

async function createTables(db: Transaction<HistorySchema>, dialect: HistoryDialect): Promise<void> {
  await createRuns(db, dialect);
  await createSnapshots(db, dialect);
  await createDeletions(db, dialect);
  await createStores(db);
}

async function createStores(db: Transaction<HistorySchema>): Promise<void> {
  await db.schema
    .createTable('stores')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('place', 'text', (column) => column.notNull())
    .execute();
}

async function createRuns(db: Transaction<HistorySchema>, dialect: HistoryDialect): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('runs')
    .addColumn('number', 'integer', (column) => dialect.counter(column))
    .addColumn('verb', 'text', (column) => column.notNull())
    .addColumn('plan', 'text')
    .addColumn('started_at', dialect.orderedText, (column) => column.notNull())
    .addColumn('ended_at', 'text')
    .addColumn('outcome', 'text')
    .addColumn('snapshot_id', 'text')
    .addColumn('error', 'text')
    .addColumn('details', 'text')
    .execute();
  await schema.createIndex('runs_by_plan').on('runs').columns(['plan', 'number']).execute();
  await schema.createIndex('runs_by_plan_and_verb').on('runs').columns(['plan', 'verb', 'number']).execute();
  await schema.createIndex('runs_by_verb').on('runs').columns(['verb', 'number']).execute();
  await schema.createIndex('runs_unended').on('runs').column('number').where(sql.ref('ended_at'), 'is', null).execute();
}

async function createSnapshots(db: Transaction<HistorySchema>, { bytes, orderedText }: HistoryDialect): Promise<void> {
  await db.schema
    .createTable('snapshots')
    .addColumn('store', orderedText, (column) => column.notNull())
    .addColumn('id', orderedText, (column) => column.notNull())
    .addColumn('plan', 'text', (column) => column.notNull())
    .addColumn('manifest_sha256', 'text', (column) => column.notNull())
    .addColumn('verification', 'text')
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('units', sql.raw(bytes), (column) => column.notNull())
    .addPrimaryKeyConstraint('snapshots_key', ['store', 'id'])
    .execute();
  await db.schema.createIndex('snapshots_by_id').on('snapshots').column('id').execute();
  await db.schema.createIndex('snapshots_by_plan').on('snapshots').columns(['plan', 'store']).execute();
}

async function createDeletions(db: Transaction<HistorySchema>, dialect: HistoryDialect): Promise<void> {
  await db.schema
    .createTable('deletions')
    .addColumn('number', 'integer', (column) => dialect.counter(column))
    .addColumn('store', 'text', (column) => column.notNull())
    .addColumn('snapshot_id', 'text', (column) => column.notNull())
    .addColumn('plan', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('phase', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('deletions_by_plan').on('deletions').columns(['plan', 'number']).execute();
}

async function createDatabaseTallies(db: Transaction<HistorySchema>): Promise<void> {
  await db.schema
    .createTable('database_tallies')
    .addColumn('plan', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('unit', 'text', (column) => column.notNull())
    .addColumn('tally', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('database_tallies_key', ['plan', 'source', 'unit'])
    .execute();
}

/** With these, charts and filters of which nothing is left do not walk through a hundred thousand runs. */
async function indexLongHistories({ schema }: Transaction<HistorySchema>): Promise<void> {
  const add = (name: string, columns: readonly (keyof RunsTable)[]) =>
    schema
      .createIndex(name)
      .on('runs')
      .columns([...columns])
      .execute();
  await add('runs_series', ['plan', 'verb', 'started_at', 'outcome', 'size_bytes', 'duration_ms']);
  await add('runs_by_verb_and_outcome', ['verb', 'outcome', 'number']);
  for (const replaced of ['runs_by_start', 'runs_totals']) await schema.dropIndex(replaced).execute();
  await add('runs_by_start', ['started_at', 'number']);
  await add('runs_totals', ['plan', 'verb', 'outcome', 'number', 'duration_ms']);
}
