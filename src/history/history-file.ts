import { createSqliteFile } from '../platform/sqlite-file.ts';
import { historyNotMade } from './history-errors.ts';

/** Makes a file that the history needs, when there is none. Throws `HISTORY_UNREADABLE`. */
export async function createHistoryFile(file: string): Promise<void> {
  try {
    await createSqliteFile(file);
  } catch (cause) {
    throw historyNotMade(file, cause);
  }
}
