import { HoldfastError } from '../domain/errors.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import { newestFirst, type Snapshot, type SnapshotSummary } from '../domain/snapshot.ts';
import type { Store } from '../ports/store.ts';
import { firstStore, type Configuration, type OperationContext } from './context.ts';
import { synchronise } from './synchronise.ts';

/** The plan that is named, or the only one. */
export function choosePlan(configuration: Configuration, name: string | undefined): Plan {
  const plans = [...configuration.plans.values()];
  const [only] = plans;
  if (name === undefined && plans.length === 1 && only !== undefined) return only;
  const plan = name === undefined ? undefined : configuration.plans.get(name);
  if (plan !== undefined) return plan;
  const names = plans.map((candidate) => candidate.name).join(', ');
  throw new HoldfastError(
    'PLAN_UNKNOWN',
    name === undefined ? `Which plan? There are ${plans.length}: ${names}` : `There is no plan "${name}"; there are: ${names}`,
    {
      hint: 'Name one of them, for example: holdfast backup ' + (only?.name ?? 'PLAN'),
    },
  );
}

/** Every store of these plans and of the command line, each once. */
export function storesOf(
  configuration: Pick<Configuration, 'plans' | 'stores'>,
  plans: Iterable<Plan> = configuration.plans.values(),
): PlanStore[] {
  const byName = new Map<string, PlanStore>();
  for (const plan of plans) for (const store of plan.stores) byName.set(store.name, store);
  for (const store of configuration.stores) byName.set(store.name, byName.get(store.name) ?? store);
  return [...byName.values()];
}

/** What could not be asked, so that a listing does not look complete when it is not. */
export interface StoreTrouble {
  readonly store: string;
  readonly message: string;
  readonly hint: string;
}

/** Brings the history in line with all stores that can be reached, and says which cannot. */
export async function refresh(stores: readonly PlanStore[], world: OperationContext, signal: AbortSignal): Promise<StoreTrouble[]> {
  const trouble: StoreTrouble[] = [];
  for (const planStore of stores) {
    try {
      await using store = await world.openStore(planStore);
      for (const { id, error } of await synchronise(store, world.history, signal)) trouble.push(unreadable(planStore.name, id, error));
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code === 'CANCELLED') throw error;
      trouble.push({ store: planStore.name, message: error.message, hint: error.hint });
    }
  }
  return trouble;
}

function unreadable(store: string, id: string, error: Error): StoreTrouble {
  return {
    store,
    message: `snapshot "${id}": ${error.message}`,
    hint: error instanceof HoldfastError ? error.hint : 'Look at its manifest in the store',
  };
}

/** Newest first, of these stores: the history may know others that are not configured any more. */
export async function snapshotsOf(
  world: OperationContext,
  filter: { readonly plan?: string | undefined; readonly stores: readonly Pick<PlanStore, 'name'>[] },
): Promise<SnapshotSummary[]> {
  const names = new Set(filter.stores.map((store) => store.name));
  const known = await world.history.summaries(filter.plan === undefined ? {} : { plan: filter.plan });
  return newestFirst(known.filter(({ store }) => names.has(store)));
}

/** A snapshot with where it lies: by its id, or the newest. With several stores the first of the plan that has it wins. */
export interface Found {
  readonly plan: Plan | null;
  readonly planStore: PlanStore;
  readonly snapshot: Snapshot;
}

interface SnapshotChoice {
  readonly id: string | undefined;
  readonly plan: string | undefined;
  /** Copies that are taken only when there is no other. */
  readonly passOver?: (copy: Found) => boolean;
}

export async function findSnapshot(configuration: Configuration, world: OperationContext, choice: SnapshotChoice): Promise<Found> {
  const wanted = (await snapshotsOf(world, { plan: choice.plan, stores: storesOf(configuration) })).find(
    ({ manifest }) => choice.id === undefined || manifest.id === choice.id,
  );
  if (wanted === undefined) throw unknownSnapshot(choice.id);
  const plan = configuration.plans.get(wanted.manifest.plan) ?? null;
  const candidates = await world.history.snapshots({ id: wanted.manifest.id });
  const order = storesOf(configuration, plan === null ? undefined : [plan, ...configuration.plans.values()]);
  const copies = order.flatMap((planStore): Found[] => {
    const snapshot = candidates.find(({ store }) => store === planStore.name);
    return snapshot === undefined ? [] : [{ plan, planStore, snapshot }];
  });
  const found = copies.find((copy) => choice.passOver?.(copy) !== true) ?? copies[0];
  if (found === undefined) throw unknownSnapshot(choice.id);
  return found;
}

/** For `passOver`: copies that had better not be read, since their store could not be asked or they are known to be damaged. */
export function unusable(trouble: readonly StoreTrouble[]): (copy: Found) => boolean {
  const troubled = new Set(trouble.map(({ store }) => store));
  return ({ planStore, snapshot }) => troubled.has(planStore.name) || snapshot.verification.kind === 'failed';
}

function unknownSnapshot(id: string | undefined): HoldfastError {
  return id === undefined
    ? new HoldfastError('SNAPSHOT_UNKNOWN', 'There is no snapshot yet', { hint: 'Make one: holdfast backup' })
    : new HoldfastError('SNAPSHOT_UNKNOWN', `There is no snapshot "${id}" in any configured store`, {
        hint: 'See which there are: holdfast list',
      });
}

/** The newest snapshot of a plan in its first store. */
export async function newestOf(plan: Plan, world: OperationContext): Promise<Found> {
  const planStore = firstStore(plan);
  const [newest] = await snapshotsOf(world, { plan: plan.name, stores: [planStore] });
  const [snapshot] = newest === undefined ? [] : await world.history.snapshots({ id: newest.manifest.id, store: planStore.name });
  if (snapshot === undefined) throw unknownSnapshot(undefined);
  return { plan, planStore, snapshot };
}

export async function withStore<T>(world: OperationContext, planStore: PlanStore, use: (store: Store) => Promise<T>): Promise<T> {
  await using store = await world.openStore(planStore);
  return await use(store);
}
