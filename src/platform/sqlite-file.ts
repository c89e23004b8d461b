import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createPrivateFile, makePrivateDirectory } from './atomic-file.ts';
import { isSystemError } from './system-error.ts';

const busyTimeoutMs = 5000;

/**
 * Makes an empty file for SQLite, for its owner alone (SQLite would make it readable for everyone), when there is none. An
 * existing file must not be opened here: closing it again would drop the locks that other connections of this process hold
 * (https://www.sqlite.org/howtocorrupt.html, section 2.2).
 */
export async function createSqliteFile(file: string): Promise<void> {
  await makePrivateDirectory(dirname(file));
  try {
    await (await createPrivateFile(file)).close();
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
}

/** Readers do not wait for writers (WAL), and what was committed stays through a power cut (FULL). */
export function openSqliteFile(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
