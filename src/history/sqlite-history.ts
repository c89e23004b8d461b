import type { DatabaseSync } from 'node:sqlite';
import { Kysely, sql } from 'kysely';
import { nodeSqliteDialect } from '../platform/node-sqlite-dialect.ts';
import { isSqliteError } from '../platform/sqlite-errors.ts';
import { openSqliteFile } from '../platform/sqlite-file.ts';
import type { History } from '../ports/history.ts';
import { sqliteDialect } from './dialect.ts';
import { damagedHistory, newerHistory, translated } from './history-errors.ts';
import { createHistoryFile } from './history-file.ts';
import { KyselyHistory } from './kysely-history.ts';
import { knownVersion, migrate } from './migrations.ts';
import type { HistorySchema } from './schema.ts';

export async function openSqliteHistory(file: string, { check = false }: { readonly check?: boolean } = {}): Promise<History> {
  await createHistoryFile(file);
  const db = new Kysely<HistorySchema>({ dialect: nodeSqliteDialect(openDatabase(file), (error) => translated(error, file)) });
  try {
    const found = await migrate(db, sqliteDialect);
    if (found > knownVersion) throw newerHistory(file, { found, known: knownVersion });
    const history = new KyselyHistory(db, { where: file, dialect: sqliteDialect });
    if (check) await requireWhole(db, history, file);
    return history;
  } catch (error) {
    await db.destroy();
    // A database that is not a history fails in its tables.
    throw isSqliteError(error) ? damagedHistory(file, error.message, error) : error;
  }
}

/** SQLite's own word on the file, then every record: those that are not what was written do not parse. */
async function requireWhole(db: Kysely<HistorySchema>, history: History, file: string): Promise<void> {
  const { rows } = await sql<{ readonly integrity_check: string }>`PRAGMA integrity_check(1)`.execute(db);
  const [answer] = rows;
  if (answer?.integrity_check !== 'ok') throw damagedHistory(file, `it is damaged: ${answer?.integrity_check}`, undefined);
  await history.snapshots({});
  await history.runs({});
  await history.deletions({});
}

function openDatabase(file: string): DatabaseSync {
  try {
    return openSqliteFile(file);
  } catch (error) {
    throw translated(error, file);
  }
}
