import { sql } from 'kysely';
import type { Kysely, Transaction } from 'kysely';
import type { Log } from '../ports/log.ts';
import { postgresDialect } from './dialect.ts';
import type { HistorySchema } from './schema.ts';

/** Tells our view from one that somebody else made. */
const mark = 'Backups as Holdfast recorded them; made by Holdfast';

interface Keeping {
  readonly log: Log;
  /** The history was made just now: the moment to tell why there is no view. */
  readonly isNew: boolean;
  readonly where: string;
}

/** `backup_history`, in the schema where other programs look for it. What somebody else made under that name stays as it is. */
export async function keepHistoryView(db: Kysely<HistorySchema>, { log, isNew, where }: Keeping): Promise<void> {
  const before = await stateOf(db);
  if (before === 'ours') return;
  const state = before === 'missing' ? await db.transaction().execute(createView) : before;
  if (state === 'ours' || !isNew) return;
  log.warn(`There is no view public.backup_history in ${where}: ${reasons[state]}`, {
    next: 'Read holdfast.runs, or make room for the view',
  });
}

type State = 'ours' | 'missing' | 'taken' | 'forbidden';

const reasons: Readonly<Record<Exclude<State, 'ours'>, string>> = {
  missing: 'it could not be made',
  taken: 'something else has that name',
  forbidden: 'the user of the history may not create anything in the schema public',
};

async function stateOf(db: Kysely<HistorySchema>): Promise<State> {
  const { rows } = await sql<{ readonly is_there: boolean; readonly comment: string | null; readonly may_create: boolean }>`
    SELECT c.oid IS NOT NULL AS is_there, obj_description(c.oid, 'pg_class') AS comment, has_schema_privilege(n.oid, 'CREATE') AS may_create
    FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'backup_history'
    WHERE n.nspname = 'public'`.execute(db);
  const [found] = rows;
  if (found?.is_there === true) return found.comment === mark ? 'ours' : 'taken';
  return found?.may_create === true ? 'missing' : 'forbidden';
}

async function createView(db: Transaction<HistorySchema>): Promise<State> {
  await postgresDialect.startMigration(db);
  const state = await stateOf(db);
  if (state !== 'missing') return state;
  await sql`
    CREATE VIEW public.backup_history AS SELECT
      number AS id,
      coalesce(file_name, '') AS filename,
      coalesce(size_bytes, 0) AS size_bytes,
      CASE WHEN ended_at IS NULL THEN 'in_progress' WHEN outcome = 'succeeded' THEN 'success' ELSE 'failed' END AS status,
      CASE WHEN outcome = 'degraded' THEN coalesce(error_message, 'something was lost or a copy failed') ELSE error_message END AS error,
      CAST(round(duration_ms / 1000.0) AS integer) AS duration_seconds,
      CAST(NULL AS timestamp) AS usb_copied_at,
      notified_at IS NOT NULL AS notification_sent,
      CAST(started_at AS timestamptz) AT TIME ZONE 'UTC' AS created_at
    FROM holdfast.runs WHERE verb = 'backup' AND outcome IS DISTINCT FROM 'skipped'`.execute(db);
  await sql`COMMENT ON VIEW public.backup_history IS ${sql.lit(mark)}`.execute(db);
  return 'ours';
}
