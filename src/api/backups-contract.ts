import { z } from 'zod';

/*
 * The bodies of the calls below `/backups`, key for key as the programs know them that were written for them. Their instants
 * are in UTC without saying so. A backup that lost something is `degraded`, never a `success`.
 */

const instant = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/u);

export const backupsRequest = z.strictObject({ description: z.string().max(1000).nullish() }).meta({ id: 'BackupsRequest' });
export const backupsRestore = z.strictObject({ filename: z.string().min(1).max(500) }).meta({ id: 'BackupsRestore' });

export const backupsEntry = z
  .strictObject({
    filename: z.string(),
    timestamp: z.string().regex(/^\d{8}_\d{6}$/u),
    created_at: instant,
    description: z.string(),
    size_bytes: z.int().min(0),
    database_name: z.string(),
    database_host: z.string(),
  })
  .meta({ id: 'BackupsEntry' });

export const backupsDone = z
  .strictObject({ status: z.enum(['success', 'degraded']), message: z.string(), filename: z.string(), timestamp: instant })
  .meta({ id: 'BackupsDone' });

export const backupsCleanup = z
  .strictObject({
    deleted_count: z.int().min(0),
    deleted_files: z.array(z.string()),
    total_size_freed: z.int().min(0),
    retention_days: z.int().min(0),
    cleanup_date: instant,
  })
  .meta({ id: 'BackupsCleanup' });

export type BackupsEntry = z.infer<typeof backupsEntry>;
