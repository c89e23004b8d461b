import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import { missedCopies } from '../domain/missed-copies.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import { retentionCandidate } from '../domain/retention.ts';
import { snapshotSizeBytes, type Snapshot } from '../domain/snapshot.ts';
import type { Store } from '../ports/store.ts';
import type { OperationContext } from './context.ts';
import { copySnapshot } from './copy.ts';
import { failedOutcome, tellError, tolerateHistory } from './record-run.ts';
import { requireSpace } from './require-space.ts';
import { expireAfter, prove, type CopyResult, type Settling, type StoreResult } from './settle.ts';
import { probeToWrite } from './snapshots-so-far.ts';
import { verifySnapshot } from './verify.ts';

interface Copying {
  readonly plan: Plan;
  readonly from: Store;
  /** The newest. */
  readonly snapshot: Snapshot;
  readonly depth: Plan['verify'];
  readonly signal: AbortSignal;
}

/**
 * The newest snapshot in another store of the plan, then every earlier one that the store missed and would keep, oldest
 * first; each is verified there. One that fails is told and keeps no other from being copied, but for a newest one that
 * found no space: what space there is must not go to older ones.
 */
export async function copyToStore(planStore: PlanStore, copying: Copying, context: OperationContext): Promise<StoreResult> {
  const { plan, snapshot, depth, signal } = copying;
  try {
    await using store = await context.openStore(planStore);
    await probeToWrite(store, context, signal);
    await store.sweep(plan.name, signal);
    const settling = { plan, planStore, store, depth, signal };
    const { snapshotId: _, ...newest } = await copyAndProve(snapshot, { ...copying, settling }, context);
    const result = { store: store.name, location: store.location, ...newest, earlier: [], expired: null };
    if (newest.outcome === 'cancelled' || newest.error?.code === 'STORE_FULL') return result;
    const earlier = await copyMissed({ ...copying, settling }, context);
    return newest.error === null ? await expireAfter(withEarlier(result, earlier), settling, context) : { ...result, earlier };
  } catch (error) {
    const place = { store: planStore.name, location: planStore.name };
    return { ...place, outcome: failedOutcome(error), error: tellError(error), verification: null, earlier: [], expired: null };
  }
}

function withEarlier(result: StoreResult, earlier: readonly CopyResult[]): StoreResult {
  const failed = earlier.find(({ error }) => error !== null);
  if (failed === undefined) return { ...result, earlier };
  return { ...result, outcome: failed.outcome === 'cancelled' ? 'cancelled' : 'degraded', error: failed.error, earlier };
}

interface CopyingTo extends Copying {
  readonly settling: Settling;
}

async function copyMissed(copying: CopyingTo, context: OperationContext): Promise<CopyResult[]> {
  const results: CopyResult[] = [];
  for (const id of (await tolerateHistory(context, () => missedIds(copying, context))) ?? []) {
    const known = await tolerateHistory(context, () => context.history.snapshots({ id, store: copying.from.name }));
    for (const snapshot of known ?? []) results.push(await copyAndProve(snapshot, copying, context));
  }
  return results;
}

async function missedIds({ plan, from, depth, settling }: CopyingTo, { history, clock }: OperationContext): Promise<string[]> {
  const { store, planStore } = settling;
  const inStore = async ({ name }: Store) => (await history.summaries({ plan: plan.name, store: name })).map(retentionCandidate);
  const missed = missedCopies({
    first: await inStore(from),
    here: await inStore(store),
    keep: planStore.keep,
    verify: depth,
    now: clock.now(),
  });
  return missed.map(({ id }) => id);
}

/** One snapshot into the store of `settling`, read back there. What goes wrong is told, not thrown. */
export async function copyAndProve(
  snapshot: Snapshot,
  { from, signal, settling }: CopyingTo,
  context: OperationContext,
): Promise<CopyResult> {
  const { store } = settling;
  try {
    await requireSpace(store, snapshotSizeBytes(snapshot.manifest), signal);
    const original = { ...snapshot, manifest: await originalManifest(snapshot, { from, signal }) };
    return await prove(await copySnapshot({ from, to: store, snapshot: original, signal }, context), settling, context);
  } catch (error) {
    await blameOriginal(error, { snapshot, from, settling }, context);
    return { snapshotId: snapshot.manifest.id, outcome: failedOutcome(error), error: tellError(error), verification: null };
  }
}

/** As it is stored: what the history has says the same, and not byte for byte. */
async function originalManifest(
  { manifest: { id }, manifestSha256 }: Snapshot,
  { from, signal }: Pick<Copying, 'from' | 'signal'>,
): Promise<Manifest> {
  const { manifest, sha256 } = await from.readManifest(id, signal);
  if (sha256 === manifestSha256) return manifest;
  throw new HoldfastError('MANIFEST_SWAPPED', `Cannot copy snapshot "${id}": its manifest in "${from.location}" was swapped or edited`, {
    hint: 'Restore the manifest from another copy of the store, then back up again',
  });
}

/** Bytes that are not the manifest's were read so from the first store, or arrived so in this one: the original is looked at. */
async function blameOriginal(
  error: unknown,
  { snapshot, from, settling }: Pick<CopyingTo, 'snapshot' | 'from' | 'settling'>,
  context: OperationContext,
): Promise<void> {
  const codes = ['OBJECT_MISSING', 'LENGTH_MISMATCH', 'DIGEST_MISMATCH', 'MANIFEST_INVALID', 'MANIFEST_SWAPPED'] as const;
  if (!codes.some((code) => isHoldfastError(error, code))) return;
  const { plan, signal } = settling;
  try {
    await verifySnapshot(context, { store: from, snapshot, depth: 'present', plan, signal });
  } catch (failure) {
    context.log.warn(`Snapshot ${snapshot.manifest.id} could not be read again in ${from.location}`, { error: tellError(failure).message });
  }
}
