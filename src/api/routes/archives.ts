import type { ApiContext } from '../api-context.ts';
import { BackupsList } from '../backups-list.ts';
import type { AnyRoute } from '../route.ts';
import { backupRoutes } from './backups.ts';
import { downloadRoutes } from './downloads.ts';

/** Archives by their names, and their bytes: one list of them is kept for both. */
export function archiveRoutes(context: ApiContext): readonly AnyRoute[] {
  const list = new BackupsList(context);
  return [...backupRoutes(context, list), ...downloadRoutes(context, list)];
}
