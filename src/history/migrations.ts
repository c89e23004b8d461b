import { sql } from 'kysely';
import type { Kysely, Transaction } from 'kysely';
import { HoldfastError } from '../domain/errors.ts';
import type { RunTrigger } from '../domain/run-request.ts';
import type { HistorySchema } from './schema.ts';

/** Steps from nothing to the present schema; what was released is never changed, only added to. Number 1 is the first. */
const migrations: readonly ((db: Transaction<HistorySchema>) => Promise<void>)[] = [createTables, createDatabaseTallies, tellRunsApart];

export const knownVersion = migrations.length;

/** Brings the schema up to `knownVersion`; returns the version found when that is newer. Processes may race to it. */
export async function migrate(db: Kysely<HistorySchema>): Promise<number> {
  const found = await versionOf(db).catch(noTableYet);
  return found >= knownVersion ? found : db.transaction().execute(applyMissing);
}

/** A failure that means more than a missing table shows again, in full, when the tables are made. */
function noTableYet(error: unknown): number {
  if (error instanceof HoldfastError) throw error;
  return 0;
}

async function versionOf(db: Kysely<HistorySchema>): Promise<number> {
  const row = await db
    .selectFrom('holdfast_schema')
    .select((eb) => eb.fn.max('version').as('version'))
    .executeTakeFirst();
  return row?.version ?? 0;
}

async function applyMissing(db: Transaction<HistorySchema>): Promise<number> {
  await db.schema
    .createTable('holdfast_schema')
    .ifNotExists()
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .execute();
  for (let version = (await versionOf(db)) + 1; version <= knownVersion; version++) {
    await migrations[version - 1]?.(db);
    await db.insertInto('holdfast_schema').values({ version }).execute();
  }
  return knownVersion;
}

async function createTables(db: Transaction<HistorySchema>): Promise<void> {
  await createRuns(db);
  await createSnapshots(db);
  await createDeletions(db);
  await createStores(db);
}

async function createStores(db: Transaction<HistorySchema>): Promise<void> {
  await db.schema
    .createTable('stores')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('place', 'text', (column) => column.notNull())
    .execute();
}

async function createRuns(db: Transaction<HistorySchema>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('runs')
    .addColumn('number', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('verb', 'text', (column) => column.notNull())
    .addColumn('plan', 'text')
    .addColumn('started_at', 'text', (column) => column.notNull())
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

async function createSnapshots(db: Transaction<HistorySchema>): Promise<void> {
  await db.schema
    .createTable('snapshots')
    .addColumn('store', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('plan', 'text', (column) => column.notNull())
    .addColumn('manifest_sha256', 'text', (column) => column.notNull())
    .addColumn('verification', 'text')
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('units', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('snapshots_key', ['store', 'id'])
    .execute();
  await db.schema.createIndex('snapshots_by_id').on('snapshots').column('id').execute();
  await db.schema.createIndex('snapshots_by_plan').on('snapshots').columns(['plan', 'store']).execute();
}

async function createDeletions(db: Transaction<HistorySchema>): Promise<void> {
  await db.schema
    .createTable('deletions')
    .addColumn('number', 'integer', (column) => column.primaryKey().autoIncrement())
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

/** Runs of the time before had no key of their own, and commands alone started them. */
async function tellRunsApart(db: Transaction<HistorySchema>): Promise<void> {
  const trigger: RunTrigger = { kind: 'command', user: '', dueAt: null };
  for (const column of ['key', 'trigger', 'notified_at']) await db.schema.alterTable('runs').addColumn(column, 'text').execute();
  await db
    .updateTable('runs')
    .set({ key: sql`'n-' || number`, trigger: JSON.stringify(trigger) })
    .execute();
  await db.schema.createIndex('runs_by_key').unique().on('runs').column('key').execute();
  await db.schema.createIndex('runs_by_start').on('runs').column('started_at').execute();
}
