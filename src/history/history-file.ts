import { HoldfastError } from '../domain/errors.ts';
import { createSqliteFile } from '../platform/sqlite-file.ts';
import { isSystemError } from '../platform/system-error.ts';

/** Makes a file that the history needs, when there is none. Throws `HISTORY_UNREADABLE`. */
export async function createHistoryFile(file: string): Promise<void> {
  try {
    await createSqliteFile(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const hint = isSystemError(cause, 'ENOSPC', 'EDQUOT')
      ? 'Free space on the drive that holds the history, then run the command again'
      : 'Set HOLDFAST_DATA_DIR to a directory that the user who runs Holdfast may write to';
    throw new HoldfastError('HISTORY_UNREADABLE', `Cannot make the history "${file}": ${why}`, { hint, cause });
  }
}
