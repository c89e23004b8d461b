import { HoldfastError } from '../domain/errors.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import { newestFirst, snapshotSizeBytes } from '../domain/snapshot.ts';
import type { OperationContext } from './context.ts';
import { closeDeadRuns, recordRun, type RunReport } from './record-run.ts';
import { synchronise } from './synchronise.ts';

export interface DeleteReport extends RunReport {
  readonly plan: string;
  readonly snapshotId: string | null;
  readonly details: DeleteDetails | null;
}

export interface DeleteDetails {
  readonly stores: readonly string[];
  readonly freedBytes: number;
  /** True when retention would never have let it go: the plan may be without a verified snapshot now. */
  readonly newestVerified: boolean;
}

interface DeleteRequest {
  readonly plan: Plan;
  readonly id: string;
  /** Null: from every store of the plan. */
  readonly store: string | null;
  readonly signal: AbortSignal;
}

/** Removes one snapshot because somebody wants it gone. Announced in the history first, as everything that is removed. */
export async function deleteSnapshot(request: DeleteRequest, context: OperationContext): Promise<DeleteReport> {
  const { plan, id } = request;
  const report = await recordRun<DeleteDetails>(context, {
    verb: 'delete',
    plan: plan.name,
    body: async () => {
      await using _lock = await context.lock.acquire(plan.name);
      await closeDeadRuns(context, plan.name);
      const newestVerified = await isNewestVerified(request, context);
      const deleted: { store: string; freedBytes: number }[] = [];
      for (const planStore of chosenStores(request)) deleted.push(...(await deleteFrom(planStore, request, context)));
      if (deleted.length === 0) throw unknown(request);
      const details = {
        stores: deleted.map(({ store }) => store),
        freedBytes: deleted.reduce((sum, { freedBytes }) => sum + freedBytes, 0),
        newestVerified,
      };
      return { outcome: 'succeeded' as const, snapshotId: id, details };
    },
  });
  return { ...report, plan: plan.name };
}

function chosenStores({ plan, store }: DeleteRequest): readonly PlanStore[] {
  const chosen = plan.stores.filter(({ name }) => store === null || name === store);
  if (chosen.length > 0) return chosen;
  throw new HoldfastError('USAGE', `Plan "${plan.name}" has no store "${store}"`, {
    hint: `Name one of its stores: ${plan.stores.map(({ name }) => name).join(', ')}`,
  });
}

async function isNewestVerified({ plan, id, store }: DeleteRequest, { history }: OperationContext): Promise<boolean> {
  const known = await history.summaries({ plan: plan.name });
  const [newest] = newestFirst(known.filter(({ verification }) => verification.kind === 'passed'));
  if (newest?.manifest.id !== id) return false;
  // A copy in another store still proves it.
  return !known.some((copy) => copy.manifest.id === id && copy.verification.kind === 'passed' && store !== null && copy.store !== store);
}

/** Nothing when it is not in that store. */
async function deleteFrom(planStore: PlanStore, { plan, id, signal }: DeleteRequest, context: OperationContext) {
  await using store = await context.openStore(planStore);
  await store.sweep(plan.name, signal);
  await synchronise(store, context.history, signal);
  const [snapshot] = await context.history.snapshots({ id, store: store.name });
  if (snapshot === undefined || snapshot.manifest.plan !== plan.name) return [];
  const key = { store: store.name, id };
  const deletion = { key, plan: plan.name, reason: `deleted by ${context.trigger.user}` };
  await context.history.recordDeletion({ ...deletion, at: context.clock.now(), phase: 'intended' });
  await store.remove(snapshot.manifest, signal);
  await context.history.forgetSnapshot(key);
  await context.history.recordDeletion({ ...deletion, at: context.clock.now(), phase: 'done' });
  return [{ store: store.name, freedBytes: snapshotSizeBytes(snapshot.manifest) }];
}

function unknown({ id, plan, store }: DeleteRequest): HoldfastError {
  const where = store === null ? `any store of plan "${plan.name}"` : `store "${store}"`;
  return new HoldfastError('SNAPSHOT_UNKNOWN', `There is no snapshot "${id}" in ${where}`, { hint: 'See which there are: holdfast list' });
}
