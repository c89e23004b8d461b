import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Secret } from '../domain/secret.ts';
import type { History } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import { keepHistoryView } from './backup-history-view.ts';
import { postgresDialect } from './dialect.ts';
import { newerHistory } from './history-errors.ts';
import { KyselyHistory } from './kysely-history.ts';
import { knownVersion, migrate } from './migrations.ts';
import { openPool } from './postgres-pool.ts';
import type { HistorySchema } from './schema.ts';

/** `CONFIG_INVALID` when it is none. */
export function requireUsableUrl(url: Secret): void {
  openPool(url);
}

/** The history in the schema `holdfast` of a PostgreSQL database, which is made when it is not there. Throws `HISTORY_UNREADABLE`. */
export async function connectPostgresHistory({ url, log }: { readonly url: Secret; readonly log: Log }): Promise<History> {
  const { pool, where } = openPool(url);
  const db = new Kysely<HistorySchema>({ dialect: new PostgresDialect({ pool }) });
  try {
    const isNew = await createSchema(db);
    const found = await migrate(db, postgresDialect);
    if (found > knownVersion) throw newerHistory(where, { found, known: knownVersion });
    await keepHistoryView(db, { log, isNew, where });
    return new KyselyHistory(db, { where, dialect: postgresDialect });
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** Asks first: `IF NOT EXISTS` wants the right to create one even where it exists. */
async function createSchema(db: Kysely<HistorySchema>): Promise<boolean> {
  if (await hasSchema(db)) return false;
  return await db.transaction().execute(async (transaction) => {
    await postgresDialect.startMigration(transaction);
    if (await hasSchema(transaction)) return false;
    await sql`CREATE SCHEMA holdfast`.execute(transaction);
    return true;
  });
}

/** Reads the table itself: what `to_regnamespace` remembers may be older than the lock that was waited for. */
async function hasSchema(db: Kysely<HistorySchema>): Promise<boolean> {
  const { rows } = await sql<{ readonly there: boolean }>`
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'holdfast') AS there`.execute(db);
  return rows[0]?.there === true;
}
