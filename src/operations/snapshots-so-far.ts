import { isHoldfastError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import { newestFirst, type SnapshotSummary } from '../domain/snapshot.ts';
import type { History } from '../ports/history.ts';
import type { Store } from '../ports/store.ts';
import { firstStore, type OperationContext } from './context.ts';
import { tolerateHistory } from './record-run.ts';
import { synchronise, type UnreadableManifest } from './synchronise.ts';

type ManifestSummary = Omit<Manifest, 'units'>;

/** What a run must know of the snapshots before it. */
export interface SnapshotsSoFar {
  /** The newest in the first store. */
  readonly newest: ManifestSummary | undefined;
  /** Of all stores that could be asked: a first store that was replaced must not make new snapshots look older than its copies. */
  readonly lastSequence: number;
  readonly ids: ReadonlySet<string>;
  /** Their manifests as they are stored, newest first, whatever store has them; read one after the other. */
  readonly earlier: () => AsyncIterable<Manifest>;
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
    const ids = idsNewestFirst(known);
    const inFirst = known.filter((snapshot) => snapshot.store === firstStore(plan).name);
    return {
      ...soFar(
        inFirst.map(({ manifest }) => manifest),
        known.map(({ manifest }) => manifest),
      ),
      earlier: () => recorded(ids, context.history),
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
async function synchroniseToWrite(store: Store, history: History, signal: AbortSignal): Promise<readonly UnreadableManifest[]> {
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

/**
 * Tries whether a store can be written to. Throws `STORE_ABSENT` before anything is made where the drive of one that held
 * snapshots is not mounted.
 */
export async function probeToWrite(store: Store, context: OperationContext, signal: AbortSignal): Promise<void> {
  await tolerateHistory(context, () => synchroniseToWrite(store, context.history, signal));
  await store.probe(signal);
}

type Identified = { readonly manifest: { readonly id: string } };

function missingFrom(now: readonly Identified[], before: readonly Identified[]): string[] {
  const ids = new Set(now.map(({ manifest }) => manifest.id));
  return before.map(({ manifest }) => manifest.id).filter((id) => !ids.has(id));
}

function soFar(
  inFirst: readonly ManifestSummary[],
  everywhere: readonly ManifestSummary[],
): Omit<SnapshotsSoFar, 'earlier' | 'unreadable' | 'vanished'> {
  const [newest] = newestFirst(inFirst.map((manifest) => ({ manifest })));
  const lastSequence = everywhere.reduce((last, { sequence }) => Math.max(last, sequence), 0);
  return { newest: newest?.manifest, lastSequence, ids: new Set(everywhere.map(({ id }) => id)) };
}

function idsNewestFirst(known: readonly SnapshotSummary[]): string[] {
  return [...new Set(newestFirst(known).map(({ manifest }) => manifest.id))];
}

async function* recorded(ids: readonly string[], history: History): AsyncGenerator<Manifest, void, undefined> {
  for (const id of ids) {
    const [snapshot] = await history.snapshots({ id });
    if (snapshot !== undefined) yield snapshot.manifest;
  }
}

async function* inOrder(manifests: readonly Manifest[]): AsyncGenerator<Manifest, void, undefined> {
  for (const { manifest } of newestFirst(manifests.map((one) => ({ manifest: one })))) yield manifest;
}

async function fromStores(plan: Plan, store: Store, context: OperationContext, signal: AbortSignal): Promise<SnapshotsSoFar> {
  const first = await manifestsIn(store, plan, signal);
  const others: Manifest[] = [];
  for (const other of plan.stores.slice(1))
    await ifReachable(other, context, async (opened) => void others.push(...(await manifestsIn(opened, plan, signal)).manifests));
  const all = [...first.manifests, ...others];
  return { ...soFar(first.manifests, all), earlier: () => inOrder(all), unreadable: first.unreadable, vanished: [] };
}

async function manifestsIn(
  store: Store,
  plan: Plan,
  signal: AbortSignal,
): Promise<{ readonly manifests: Manifest[]; readonly unreadable: UnreadableManifest[] }> {
  const manifests: Manifest[] = [];
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
