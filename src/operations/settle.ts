import { HoldfastError, type ToldError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Store } from '../ports/store.ts';
import type { OperationContext } from './context.ts';
import { expireStore, type ExpireReport } from './expire.ts';
import { failedOutcome, tellError } from './record-run.ts';
import { verifySnapshot, type VerifyReport } from './verify.ts';

/** What became of the snapshot in one store. */
export interface StoreResult {
  readonly store: string;
  readonly location: string;
  readonly outcome: Outcome;
  readonly error: ToldError | null;
  readonly verification: VerifyReport | null;
  /** Earlier snapshots that this store lacked, oldest first. */
  readonly earlier: readonly CopyResult[];
  readonly expired: ExpireReport | null;
}

/** What became of one snapshot that was copied. */
export interface CopyResult {
  readonly snapshotId: string;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled';
  readonly error: ToldError | null;
  readonly verification: VerifyReport | null;
}

export interface Settling {
  readonly plan: Plan;
  readonly planStore: PlanStore;
  readonly store: Store;
  /** How deep to read back what was stored. */
  readonly depth: Plan['verify'];
  readonly signal: AbortSignal;
}

/** Verifies the snapshot in its store, then lets go of those that retention no longer keeps there. */
export async function settle(snapshot: Snapshot, settling: Settling, context: OperationContext): Promise<StoreResult> {
  const { store } = settling;
  const { snapshotId: _, ...proven } = await prove(snapshot, settling, context);
  const result: StoreResult = { store: store.name, location: store.location, ...proven, earlier: [], expired: null };
  return result.error === null ? await expireAfter(result, settling, context) : result;
}

/** Verifies a snapshot that was just stored. What goes wrong is told, not thrown. */
export async function prove(snapshot: Snapshot, settling: Settling, context: OperationContext): Promise<CopyResult> {
  const { plan, store, depth, signal } = settling;
  const result: CopyResult = { snapshotId: snapshot.manifest.id, outcome: 'succeeded', error: null, verification: null };
  try {
    const verification = depth === 'none' ? null : await verifySnapshot(context, { store, snapshot, depth, plan, signal });
    if (verification?.outcome === 'failed') return { ...result, outcome: 'failed', error: notProven(verification), verification };
    return { ...result, verification };
  } catch (error) {
    return { ...result, outcome: failedOutcome(error), error: tellError(error) };
  }
}

/** The snapshot is safe by now: what goes wrong here degrades the run, and is told. */
export async function expireAfter(
  result: StoreResult,
  { plan, planStore, store, signal }: Settling,
  context: OperationContext,
): Promise<StoreResult> {
  try {
    return { ...result, expired: await expireStore({ plan, planStore, store, dryRun: false, signal }, context) };
  } catch (error) {
    return { ...result, outcome: 'degraded', error: result.error ?? tellError(error) };
  }
}

function notProven(report: VerifyReport): ToldError {
  return tellError(
    new HoldfastError('NOT_VERIFIED', `Snapshot "${report.snapshotId}" was written but does not verify: ${report.findings.join('; ')}`, {
      hint: 'Check the disk and memory of this machine, then back up again',
    }),
  );
}
