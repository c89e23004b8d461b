import { DatabaseSync } from 'node:sqlite';
import { dirname } from 'node:path';
import { Kysely, sql } from 'kysely';
import { HoldfastError } from '../domain/errors.ts';
import { createPrivateFile, makePrivateDirectory } from '../platform/atomic-file.ts';
import { isSystemError } from '../platform/system-error.ts';
import type { History } from '../ports/history.ts';
import { damagedHistory, isSqliteError, newerHistory, translated } from './history-errors.ts';
import { KyselyHistory } from './kysely-history.ts';
import { knownVersion, migrate } from './migrations.ts';
import { nodeSqliteDialect } from './node-sqlite-dialect.ts';
import type { HistorySchema } from './schema.ts';

const busyTimeoutMs = 5000;

export async function openSqliteHistory(file: string, { check = false }: { readonly check?: boolean } = {}): Promise<History> {
  await createFile(file);
  const db = new Kysely<HistorySchema>({ dialect: nodeSqliteDialect(openDatabase(file), (error) => translated(error, file)) });
  try {
    const found = await migrate(db);
    if (found > knownVersion) throw newerHistory(file, { found, known: knownVersion });
    const history = new KyselyHistory(db, file);
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

/**
 * SQLite would make it readable for everyone. An existing file must not be opened here: closing it again would drop the
 * locks that other connections of this process hold (https://www.sqlite.org/howtocorrupt.html, section 2.2).
 */
async function createFile(file: string): Promise<void> {
  try {
    await makePrivateDirectory(dirname(file));
    await (await createPrivateFile(file)).close();
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return;
    throw new HoldfastError(
      'HISTORY_UNREADABLE',
      `Cannot make the history "${file}": ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'Set HOLDFAST_DATA_DIR to a directory that the user who runs Holdfast may write to',
        cause: error,
      },
    );
  }
}

/** Readers do not wait for writers (WAL), and what was committed stays through a power cut (FULL). */
function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: busyTimeoutMs });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    return database;
  } catch (error) {
    database?.close();
    throw translated(error, file);
  }
}
