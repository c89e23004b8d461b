import type { Plan, PlanStore } from '../domain/plan.ts';
import { decideRetention, retentionCandidate, type RetentionDecision } from '../domain/retention.ts';
import { snapshotSizeBytes } from '../domain/snapshot.ts';
import type { Store } from '../ports/store.ts';
import type { OperationContext } from './context.ts';
import { closeDeadRuns, recordRun, type RunReport } from './record-run.ts';
import { synchronise } from './synchronise.ts';

export interface ExpireReport {
  readonly store: string;
  readonly dryRun: boolean;
  readonly decisions: readonly RetentionDecision[];
  readonly removed: readonly string[];
  readonly freedBytes: number;
}

interface ExpireRequest {
  readonly plan: Plan;
  readonly planStore: PlanStore;
  readonly store: Store;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Decides for every snapshot of a plan in one store, and removes what no rule keeps. The caller holds the plan's lock. */
export async function expireStore(request: ExpireRequest, context: OperationContext): Promise<ExpireReport> {
  const { plan, planStore, store, dryRun, signal } = request;
  const snapshots = await context.history.snapshots({ plan: plan.name, store: store.name });
  const decisions = decideRetention(snapshots.map(retentionCandidate), planStore.keep, context.clock.now());
  const removed: string[] = [];
  let freedBytes = 0;
  for (const decision of decisions) {
    const snapshot = snapshots.find(({ manifest }) => manifest.id === decision.id);
    if (decision.keep || dryRun || snapshot === undefined) continue;
    const key = { store: store.name, id: decision.id };
    const deletion = { key, plan: plan.name, reason: decision.reasons.join('; ') };
    await context.history.recordDeletion({ ...deletion, at: context.clock.now(), phase: 'intended' });
    await store.remove(snapshot.manifest, signal);
    await context.history.forgetSnapshot(key);
    await context.history.recordDeletion({ ...deletion, at: context.clock.now(), phase: 'done' });
    removed.push(decision.id);
    freedBytes += snapshotSizeBytes(snapshot.manifest);
  }
  return { store: store.name, dryRun, decisions, removed, freedBytes };
}

/** `holdfast expire`: every store of a plan. */
export async function expire(
  plan: Plan,
  options: { readonly dryRun: boolean; readonly signal: AbortSignal },
  context: OperationContext,
): Promise<RunReport & { readonly plan: string; readonly stores: readonly ExpireReport[] }> {
  const { dryRun, signal } = options;
  const work = async (): Promise<ExpireReport[]> => {
    const reports: ExpireReport[] = [];
    for (const planStore of plan.stores) {
      await using store = await context.openStore(planStore);
      if (!dryRun) await store.sweep(plan.name, signal);
      await synchronise(store, context.history, signal);
      reports.push(await expireStore({ plan, planStore, store, dryRun, signal }, context));
    }
    return reports;
  };
  const run = await recordRun(context, {
    verb: 'expire',
    plan: plan.name,
    body: async () => {
      // A dry run changes nothing, so it may look while a backup goes on.
      await using _lock = dryRun ? undefined : await context.lock.acquire(plan.name);
      if (!dryRun) await closeDeadRuns(context, plan.name);
      return { outcome: 'succeeded', snapshotId: null, details: { stores: await work() } };
    },
  });
  return { ...run, plan: plan.name, stores: run.details?.stores ?? [] };
}
