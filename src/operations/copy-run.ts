import { HoldfastError } from '../domain/errors.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { OperationContext } from './context.ts';
import { copyAndProve } from './copy-to-store.ts';
import { closeDeadRuns, recordRun, type RunReport } from './record-run.ts';
import type { CopyResult } from './settle.ts';
import { probeToWrite } from './snapshots-so-far.ts';

export interface CopyReport extends RunReport {
  readonly plan: string;
  readonly snapshotId: string | null;
  readonly details: CopyDetails | null;
}

export interface CopyDetails {
  readonly from: string;
  readonly to: string;
  readonly verification: CopyResult['verification'];
}

interface CopyRunRequest {
  readonly plan: Plan;
  /** Where it lies, and what it is there. */
  readonly found: { readonly planStore: PlanStore; readonly snapshot: Snapshot };
  readonly to: PlanStore;
  readonly signal: AbortSignal;
}

/** Copies one snapshot into another store and reads it back there, because somebody wants it there now. */
export async function copyRun({ plan, found, to, signal }: CopyRunRequest, context: OperationContext): Promise<CopyReport> {
  const { snapshot, planStore } = found;
  const report = await recordRun<CopyDetails>(context, {
    verb: 'copy',
    plan: plan.name,
    body: async () => {
      await using _lock = await context.lock.acquire(plan.name);
      await closeDeadRuns(context, plan.name);
      await using from = await context.openStore(planStore);
      await using store = await context.openStore(to);
      await probeToWrite(store, context, signal);
      if ((await store.listNames(signal)).includes(snapshot.manifest.id)) throw thereAlready(snapshot, to);
      await store.sweep(plan.name, signal);
      const depth = plan.verify === 'none' ? 'readable' : plan.verify;
      const settling = { plan, planStore: to, store, depth, signal };
      const { outcome, error, verification } = await copyAndProve(snapshot, { plan, from, snapshot, depth, signal, settling }, context);
      const details = { from: from.name, to: store.name, verification };
      return { outcome, snapshotId: snapshot.manifest.id, details, ...(error === null ? {} : { error }) };
    },
  });
  return { ...report, plan: plan.name };
}

function thereAlready({ manifest }: Snapshot, { name }: PlanStore): HoldfastError {
  return new HoldfastError('USAGE', `Snapshot "${manifest.id}" is in store "${name}" already`, {
    hint: `Prove it there: holdfast verify ${manifest.id}`,
  });
}
