import { z } from 'zod';
import { HoldfastError } from '../../domain/errors.ts';
import type { Plan } from '../../domain/plan.ts';
import { newestCounting } from '../../domain/retention.ts';
import { firstStore } from '../../operations/context.ts';
import type { WorkerReport } from '../../ports/runner.ts';
import type { ApiContext } from '../api-context.ts';
import { backupsCleanup, backupsDone, backupsEntry, backupsRequest, backupsRestore } from '../backups-contract.ts';
import { type BackupsList, entryOf, plainInstant, type NamedArchive } from '../backups-list.ts';
import { archiveOf } from '../present.ts';
import { route, type AnyRoute, type RouteReply } from '../route.ts';
import { unitOf } from '../unit-of-archive.ts';
import { copiesOf } from '../sight.ts';
import { type Asking, endOf, startRun } from '../start-run.ts';

const named = z.strictObject({ filename: z.string().min(1).max(500).describe('name of an archive') });
const ofArchive = { group: 'backups', needs: 'administrator', idempotencyKey: 'accepted', replies: { 200: backupsDone } } as const;

/** Calls that other programs know, under their own paths: bodies and replies are theirs, not the versioned API's. */
export function backupRoutes(context: ApiContext, list: BackupsList): readonly AnyRoute[] {
  const planOf = () => planOfBackups(context)?.name ?? null;
  const ofPlan = { method: 'POST', group: 'backups', needs: 'operator', idempotencyKey: 'accepted', planOf } as const;
  return [
    route({
      method: 'GET',
      path: '/backups',
      id: 'listBackups',
      group: 'backups',
      summary: 'List every archive, newest first',
      needs: 'viewer',
      replies: { 200: z.array(backupsEntry), 304: null },
      handle: async ({ principal, header }) => {
        const { bytes, etag } = await list.list(principal);
        const headers = { etag, 'cache-control': 'no-cache', 'content-type': 'application/json; charset=utf-8' };
        return header('if-none-match') === etag ? { status: 304, headers } : { status: 200, body: bytes, headers };
      },
    }),
    route({
      method: 'GET',
      path: '/backups/:filename',
      id: 'getBackup',
      group: 'backups',
      summary: 'Tell of one archive',
      needs: 'viewer',
      params: named,
      replies: { 200: backupsEntry },
      handle: async ({ params, principal }) => ({ status: 200, body: entryOf(await list.named(principal, params.filename)) }),
    }),
    route({
      ...ofPlan,
      path: '/backups',
      id: 'createBackup',
      summary: 'Back up now, and answer when it is done',
      body: backupsRequest,
      replies: { 201: backupsDone },
      act: 'backup',
      handle: (input) => backUpNow(context, input, input.body.description ?? null),
    }),
    route({
      ...ofArchive,
      method: 'POST',
      path: '/backups/restore',
      id: 'restoreBackup',
      summary: 'Put the database of an archive back in place: verified first, loaded beside, compared, swapped, the old one kept',
      body: backupsRestore,
      act: 'restore',
      handle: async (input) => restoreNow(context, input, await list.named(input.principal, input.body.filename)),
    }),
    route({
      ...ofArchive,
      method: 'DELETE',
      path: '/backups/:filename',
      id: 'deleteBackup',
      summary: 'Delete an archive from every store of its plan',
      params: named,
      act: 'delete',
      handle: async (input) => deleteNow(context, input, await list.named(input.principal, input.params.filename)),
    }),
    route({
      ...ofPlan,
      path: '/backups/cleanup',
      id: 'cleanUpBackups',
      summary: 'Remove what the retention rules no longer keep',
      body: z.strictObject({}),
      replies: { 200: backupsCleanup },
      act: 'expire',
      handle: (input) => cleanUpNow(context, input),
    }),
  ];
}

/** The plan that `/backups` speaks of: the one that the settings name, the only one, or the first of the file. */
function planOfBackups({ plans, settings }: ApiContext): Plan | undefined {
  return settings.backupsPlan === null ? plans.values().next().value : plans.get(settings.backupsPlan);
}

function requirePlan(context: ApiContext): Plan {
  const plan = planOfBackups(context);
  if (plan !== undefined) return plan;
  throw new HoldfastError('PLAN_UNKNOWN', 'There is no plan that /backups could run', {
    hint: 'Configure one, and name it in service.backupsPlan when there are several',
  });
}

async function backUpNow(context: ApiContext, asking: Asking, description: string | null): Promise<RouteReply> {
  const plan = requirePlan(context);
  const live = startRun(context, asking, { verb: 'backup', plan: plan.name, description });
  const report = await endOf(context, live);
  const { createdAt } = report.details as { readonly createdAt: string };
  const filename = archiveOf(report.details).file ?? '';
  const body = done('Backup created successfully', filename, new Date(createdAt));
  return {
    status: 201,
    body: report.outcome === 'degraded' ? { ...body, status: 'degraded', message: lossOf(report) } : body,
    headers: { location: `backups/${encodeURIComponent(filename)}` },
    audited: { target: filename, details: { run: live.request.key, plan: plan.name } },
  };
}

function lossOf({ snapshotId, error }: WorkerReport): string {
  return `Backup created, but degraded: ${error?.message ?? 'something was not backed up as it stood'}; see: holdfast show ${snapshotId}`;
}

async function restoreNow(context: ApiContext, asking: Asking, { plan, planStore, facts, file }: NamedArchive): Promise<RouteReply> {
  const filename = file.name;
  const [{ snapshot }] = await copiesOf(context, asking.principal, { id: facts.id, store: planStore.name });
  const only = await unitOf(context.world, { plan, manifest: snapshot.manifest, part: filename });
  const live = startRun(context, asking, {
    verb: 'restore',
    plan: plan.name,
    snapshot: facts.id,
    store: null,
    destination: { kind: 'in-place' },
    only,
  });
  await endOf(context, live);
  return {
    status: 200,
    body: done(`${file.database === null ? 'Archive' : 'Database'} restored successfully`, filename, context.world.clock.now()),
    audited: { target: filename, details: { run: live.request.key, snapshot: facts.id } },
  };
}

async function deleteNow(context: ApiContext, asking: Asking, { plan, planStore, facts, file }: NamedArchive): Promise<RouteReply> {
  const filename = file.name;
  if (facts.files.length > 1)
    throw new HoldfastError('USAGE', `Cannot delete "${filename}" alone: snapshot "${facts.id}" has ${facts.files.length} archives`, {
      hint: `Delete the whole snapshot: DELETE /api/v1/snapshots/${facts.id}`,
    });
  const known = await context.world.history.facts({ plan: plan.name, store: planStore.name });
  const newestVerified = newestCounting(known)?.id === facts.id;
  const live = startRun(context, asking, { verb: 'delete', plan: plan.name, snapshot: facts.id, store: null });
  await endOf(context, live);
  return {
    status: 200,
    body: done('Backup deleted successfully', filename, context.world.clock.now()),
    audited: { target: filename, details: { run: live.request.key, snapshot: facts.id, newestVerified } },
  };
}

async function cleanUpNow(context: ApiContext, asking: Asking): Promise<RouteReply> {
  const plan = requirePlan(context);
  const before = await context.world.history.facts({ plan: plan.name });
  const live = startRun(context, asking, { verb: 'expire', plan: plan.name });
  const { stores } = (await endOf(context, live)).details as ExpireDetails;
  const removed = new Set(stores.flatMap((store) => store.removed));
  const files = new Set(before.filter(({ id }) => removed.has(id)).flatMap((facts) => facts.files.map(({ name }) => name)));
  return {
    status: 200,
    body: {
      deleted_count: files.size,
      deleted_files: [...files],
      total_size_freed: stores.reduce((sum, { freedBytes }) => sum + freedBytes, 0),
      retention_days: firstStore(plan).keep?.days ?? 0,
      cleanup_date: plainInstant(context.world.clock.now()),
    },
    audited: { target: plan.name, details: { run: live.request.key, removed: [...removed] } },
  };
}

interface ExpireDetails {
  readonly stores: readonly { readonly removed: readonly string[]; readonly freedBytes: number }[];
}

function done(message: string, filename: string, at: Date) {
  return { status: 'success', message, filename, timestamp: plainInstant(at) };
}
