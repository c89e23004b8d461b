import { isHoldfastError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import { newestFirst } from '../domain/snapshot.ts';
import type { History } from '../ports/history.ts';
import type { Store } from '../ports/store.ts';
import { firstStore, type OperationContext } from './context.ts';
import { synchronise, type UnreadableManifest } from './synchronise.ts';

type ManifestSummary = Omit<Manifest, 'units'>;

/** What a run must know of the snapshots before it. */
export interface SnapshotsSoFar {
  /** The newest in the first store. */
  readonly newest: ManifestSummary | undefined;
  /** Of all stores that could be asked: a first store that was replaced must not make new snapshots look older than its copies. */
  readonly lastSequence: number;
  readonly ids: ReadonlySet<string>;
  readonly unreadable: readonly UnreadableManifest[];
  /** Snapshots that were in the first store, and that somebody else than Holdfast has removed. */
  readonly vanished: readonly string[];
}

/** Looks into every store of the plan. Another store than the first that cannot be reached is left out here: copying to it will tell. */
export async function snapshotsSoFar(plan: Plan, store: Store, context: OperationContext, signal: AbortSignal): Promise<SnapshotsSoFar> {
  try {
    const before = await context.history.summaries({ store: store.name, plan: plan.name });
    const unreadable = await synchroniseToWrite(store, context.history, signal);
    for (const other of plan.stores.slice(1))
      await ifReachable(other, context, async (opened) => void (await synchronise(opened, context.history, signal)));
    const known = await context.history.summaries({ plan: plan.name });
    const inFirst = known.filter((snapshot) => snapshot.store === firstStore(plan).name);
    return {
      ...soFar(
        inFirst.map(({ manifest }) => manifest),
        known.map(({ manifest }) => manifest),
      ),
      unreadable,
      vanished: missingFrom(inFirst, before),
    };
  } catch (error) {
    if (!isHoldfastError(error, 'HISTORY_UNREADABLE')) throw error;
    // The history is an index of the stores: without it they are read themselves, and the backup is made all the same.
    context.log.warn(error.message, { next: error.hint });
    return await fromStores(plan, store, context, signal);
  }
}

/**
 * Synchronises with a store that is about to be written to. One that does not exist is made by the first write, unless it
 * held snapshots and its drive is not there: then this throws `STORE_ABSENT`, so it comes before anything that would make it anew.
 */
export async function synchroniseToWrite(store: Store, history: History, signal: AbortSignal): Promise<readonly UnreadableManifest[]> {
  try {
    return await synchronise(store, history, signal);
  } catch (error) {
    if (!isHoldfastError(error, 'STORE_ABSENT')) throw error;
    const known = await history.summaries({ store: store.name });
    const placeBefore = await history.storePlace(store.name);
    const isDriveThere = placeBefore === null || placeBefore === (await store.locatedOn(signal));
    if (known.length > 0 && !isDriveThere) throw error;
    for (const { manifest } of known) await history.forgetSnapshot({ store: store.name, id: manifest.id });
    return [];
  }
}

type Identified = { readonly manifest: { readonly id: string } };

function missingFrom(now: readonly Identified[], before: readonly Identified[]): string[] {
  const ids = new Set(now.map(({ manifest }) => manifest.id));
  return before.map(({ manifest }) => manifest.id).filter((id) => !ids.has(id));
}

function soFar(
  inFirst: readonly ManifestSummary[],
  everywhere: readonly ManifestSummary[],
): Omit<SnapshotsSoFar, 'unreadable' | 'vanished'> {
  const [newest] = newestFirst(inFirst.map((manifest) => ({ manifest })));
  const lastSequence = everywhere.reduce((last, { sequence }) => Math.max(last, sequence), 0);
  return { newest: newest?.manifest, lastSequence, ids: new Set(everywhere.map(({ id }) => id)) };
}

async function fromStores(plan: Plan, store: Store, context: OperationContext, signal: AbortSignal): Promise<SnapshotsSoFar> {
  const first = await manifestsIn(store, plan, signal);
  const others: ManifestSummary[] = [];
  for (const other of plan.stores.slice(1))
    await ifReachable(other, context, async (opened) => void others.push(...(await manifestsIn(opened, plan, signal)).manifests));
  return { ...soFar(first.manifests, [...first.manifests, ...others]), unreadable: first.unreadable, vanished: [] };
}

async function manifestsIn(
  store: Store,
  plan: Plan,
  signal: AbortSignal,
): Promise<{ readonly manifests: ManifestSummary[]; readonly unreadable: UnreadableManifest[] }> {
  const manifests: ManifestSummary[] = [];
  const unreadable: UnreadableManifest[] = [];
  try {
    for await (const stored of store.list(signal)) {
      if (stored.kind === 'unreadable') unreadable.push({ id: stored.objectName, error: stored.error });
      else if (stored.manifest.plan === plan.name) manifests.push(stored.manifest);
    }
  } catch (error) {
    // Nobody knows whether it held anything; the first put makes it.
    if (!isHoldfastError(error, 'STORE_ABSENT')) throw error;
  }
  return { manifests, unreadable };
}

async function ifReachable(planStore: PlanStore, context: OperationContext, look: (store: Store) => Promise<void>): Promise<void> {
  try {
    await using store = await context.openStore(planStore);
    await look(store);
  } catch (error) {
    if (!isHoldfastError(error) || error.code === 'CANCELLED' || error.code === 'HISTORY_UNREADABLE') throw error;
    context.log.debug(`store ${planStore.name} was not asked for its snapshots`, { error: error.message });
  }
}
