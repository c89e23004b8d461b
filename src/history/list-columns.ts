import { sql } from 'kysely';
import type { Selectable, Transaction } from 'kysely';
import type { Manifest } from '../domain/manifest.ts';
import type { RunTrigger } from '../domain/run-request.ts';
import type { HistoryDialect } from './dialect.ts';
import { endColumns, factColumns, unpackUnits } from './rows.ts';
import type { HistorySchema, RunsTable, SnapshotsTable } from './schema.ts';

/**
 * The third migration: what lists, metrics and `backup_history` ask for gets columns of its own, so that nobody reads
 * thousands of manifests for it, and runs get a key that is theirs for ever.
 */
export async function addListColumns(db: Transaction<HistorySchema>, dialect: HistoryDialect): Promise<void> {
  await addRunColumns(db);
  await rebuildSnapshots(db, dialect);
  await db.schema.alterTable('deletions').addColumn('record_key', 'text').execute();
  await db.schema.createIndex('deletions_by_key').unique().on('deletions').column('record_key').execute();
  if (dialect.kind === 'sqlite') await createHistoryView(db);
  else await countRevisions(db);
}

async function addRunColumns(db: Transaction<HistorySchema>): Promise<void> {
  for (const column of ['key', 'trigger', 'file_name', 'error_message', 'notified_at'])
    await db.schema.alterTable('runs').addColumn(column, 'text').execute();
  for (const column of ['size_bytes', 'duration_ms']) await db.schema.alterTable('runs').addColumn(column, 'bigint').execute();
  await fillRuns(db);
  await db.schema.createIndex('runs_by_key').unique().on('runs').column('key').execute();
  await db.schema.createIndex('runs_by_start').on('runs').column('started_at').execute();
  await db.schema.createIndex('runs_by_outcome').on('runs').columns(['outcome', 'number']).execute();
  await db.schema.createIndex('runs_by_plan_and_outcome').on('runs').columns(['plan', 'outcome', 'number']).execute();
  // With the plan in it: the one by number alone was never taken for a plan's.
  await db.schema.dropIndex('runs_unended').ifExists().execute();
  await db.schema.createIndex('runs_unended').on('runs').columns(['plan', 'number']).where(sql.ref('ended_at'), 'is', null).execute();
  // Holds all that the totals need: they never read a run.
  await db.schema.createIndex('runs_totals').on('runs').columns(['plan', 'verb', 'outcome', 'duration_ms']).execute();
}

/** Runs of the time before had no key of their own, and commands alone started them. */
async function fillRuns(db: Transaction<HistorySchema>): Promise<void> {
  const trigger: RunTrigger = { kind: 'command', user: '', dueAt: null };
  await db
    .updateTable('runs')
    .set({ key: sql`'n-' || number`, trigger: JSON.stringify(trigger) })
    .execute();
  for (let after = 0; ;) {
    const rows = await db.selectFrom('runs').selectAll().where('number', '>', after).orderBy('number').limit(1000).execute();
    for (const row of rows) await fillRun(db, row);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.number;
  }
}

async function fillRun(db: Transaction<HistorySchema>, row: Selectable<RunsTable>): Promise<void> {
  if (row.ended_at === null) return;
  const columns = endColumns({
    startedAt: new Date(row.started_at),
    endedAt: new Date(row.ended_at),
    error: readable(row.error) as { readonly message: string } | null,
    details: (readable(row.details) ?? {}) as Readonly<Record<string, unknown>>,
  });
  await db.updateTable('runs').set(columns).where('number', '=', row.number).execute();
}

/** Null for what was damaged: whoever asks for that very record is told so. */
function readable(json: string | null): unknown {
  try {
    return JSON.parse(json ?? 'null');
  } catch {
    return null;
  }
}

/** SQLite reads a row from its front: what lists need stands before the units, so the table is made anew. */
async function rebuildSnapshots(db: Transaction<HistorySchema>, { bytes, orderedText }: HistoryDialect): Promise<void> {
  const { schema } = db;
  await schema.alterTable('snapshots').renameTo('snapshots_before').execute();
  for (const index of ['snapshots_by_id', 'snapshots_by_plan']) await schema.dropIndex(index).execute();
  await schema
    .createTable('snapshots')
    .addColumn('store', orderedText, (column) => column.notNull())
    .addColumn('id', orderedText, (column) => column.notNull())
    .addColumn('plan', 'text', (column) => column.notNull())
    .addColumn('manifest_sha256', 'text', (column) => column.notNull())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('created_at', orderedText, (column) => column.notNull())
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('encrypted', 'integer', (column) => column.notNull())
    .addColumn('files', 'text', (column) => column.notNull())
    .addColumn('verification', 'text')
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('units', sql.raw(bytes), (column) => column.notNull())
    .addPrimaryKeyConstraint('snapshots_by_store_and_id', ['store', 'id'])
    .execute();
  await copySnapshots(db);
  await schema.dropTable('snapshots_before').execute();
  await schema.createIndex('snapshots_by_id').on('snapshots').column('id').execute();
  await schema.createIndex('snapshots_by_plan').on('snapshots').columns(['plan', 'created_at', 'id', 'store']).execute();
  await schema.createIndex('snapshots_by_store').on('snapshots').columns(['store', 'created_at', 'id']).execute();
  await schema.createIndex('snapshots_by_creation').on('snapshots').columns(['created_at', 'id', 'store']).execute();
}

type SnapshotBefore = Pick<SnapshotsTable, 'store' | 'id' | 'plan' | 'manifest_sha256' | 'verification' | 'summary' | 'units'>;

async function copySnapshots(db: Transaction<HistorySchema>): Promise<void> {
  const before = db.withTables<{ readonly snapshots_before: SnapshotBefore }>();
  for (const { store, id } of await before.selectFrom('snapshots_before').select(['store', 'id']).execute()) {
    const row = await before
      .selectFrom('snapshots_before')
      .selectAll()
      .where('store', '=', store)
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    const facts = await factsOfStored(row);
    if (facts !== undefined)
      await db
        .insertInto('snapshots')
        .values({ ...row, ...facts })
        .execute();
  }
}

/** Undefined for a damaged record: it is left out, and the next look into its store records it anew. */
async function factsOfStored({ summary, units }: Pick<SnapshotBefore, 'summary' | 'units'>) {
  try {
    const manifest = JSON.parse(summary) as Omit<Manifest, 'units'>;
    return factColumns({ ...manifest, units: await unpackUnits(units) });
  } catch {
    return undefined;
  }
}

/** `backup_history` in SQLite; PostgreSQL's lies in another schema, see `backup-history-view.ts`. */
async function createHistoryView(db: Transaction<HistorySchema>): Promise<void> {
  await sql`
    CREATE VIEW backup_history AS SELECT
      number AS id,
      coalesce(file_name, '') AS filename,
      coalesce(size_bytes, 0) AS size_bytes,
      CASE WHEN ended_at IS NULL THEN 'in_progress' WHEN outcome = 'succeeded' THEN 'success' ELSE 'failed' END AS status,
      CASE WHEN outcome = 'degraded' THEN coalesce(error_message, 'something was lost or a copy failed') ELSE error_message END AS error,
      CAST(round(duration_ms / 1000.0) AS INTEGER) AS duration_seconds,
      NULL AS usb_copied_at,
      notified_at IS NOT NULL AS notification_sent,
      replace(substr(started_at, 1, 23), 'T', ' ') AS created_at
    FROM runs WHERE verb = 'backup' AND outcome IS NOT 'skipped'`.execute(db);
}

/**
 * A number that every change moves, in the same transaction: who sees the number sees the change. The schema is named, as a
 * trigger runs with the path of whoever writes.
 */
async function countRevisions(db: Transaction<HistorySchema>): Promise<void> {
  await db.schema
    .createTable('revision')
    .addColumn('number', 'bigint', (column) => column.notNull())
    .execute();
  await sql`INSERT INTO revision VALUES (0)`.execute(db);
  await sql`
    CREATE FUNCTION count_revision() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN UPDATE holdfast.revision SET number = number + 1; RETURN NULL; END $$`.execute(db);
  for (const table of ['runs', 'snapshots', 'deletions'])
    await sql`
      CREATE TRIGGER ${sql.ref(`${table}_counted`)} AFTER INSERT OR UPDATE OR DELETE ON ${sql.table(table)}
      FOR EACH STATEMENT EXECUTE FUNCTION count_revision()`.execute(db);
}
