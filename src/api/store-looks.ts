import { HoldfastError } from '../domain/errors.ts';
import type { PlanStore } from '../domain/plan.ts';
import { storesOf } from '../operations/choose.ts';
import { tellError, tolerateHistory } from '../operations/record-run.ts';
import { probeToWrite } from '../operations/snapshots-so-far.ts';
import { synchronise } from '../operations/synchronise.ts';
import type { ApiContext } from './api-context.ts';
import type { StoreState } from './contract.ts';

type LooksWorld = Pick<ApiContext, 'plans' | 'world' | 'queue'>;
/** What a look finds; how much the store holds, the history tells. */
type Looked = Omit<StoreState, 'snapshots' | 'sizeBytes' | 'newestAt'>;

const everyMs = 5 * 60_000;
/** A store that does not answer for so long is told as one that cannot be reached. */
const patienceMs = 60_000;

/** Looks into every store from time to time: whether it can be reached, what space is left, what came and went. */
export class StoreLooks implements AsyncDisposable {
  readonly #world: LooksWorld;
  readonly #onLooked: () => void;
  readonly #stores: ReadonlyMap<string, PlanStore>;
  readonly #states = new Map<string, Looked>();
  readonly #going = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(world: LooksWorld, onLooked: () => void) {
    this.#world = world;
    this.#onLooked = onLooked;
    const stores = storesOf({ plans: world.plans, stores: [] });
    this.#stores = new Map(stores.map((store) => [store.name, store]));
    for (const store of stores) this.#states.set(store.name, this.#unseen(store));
  }

  start(): void {
    this.lookAt([...this.#stores.values()]);
    this.#timer = setInterval(() => this.lookAt([...this.#stores.values()].filter((store) => !this.#isBusy(store))), everyMs).unref();
  }

  states(): readonly Looked[] {
    return [...this.#states.values()];
  }

  lookAt(stores: readonly Pick<PlanStore, 'name'>[]): void {
    for (const { name } of stores) void this.#look(name);
  }

  /** Writes, reads back and removes a small object too. Throws `NOT_FOUND` for a store that is not configured. */
  async probe(name: string): Promise<Looked> {
    await this.#going.get(name);
    await this.#look(name, { probing: true });
    const state = this.#states.get(name);
    if (state !== undefined) return state;
    throw new HoldfastError('NOT_FOUND', `There is no store ${JSON.stringify(name)}`, { hint: 'See which there are: GET /api/v1/stores' });
  }

  /** One look at a store at a time: who comes second takes what the first one finds. */
  #look(name: string, { probing = false } = {}): Promise<void> {
    const planStore = this.#stores.get(name);
    const going = this.#going.get(name);
    if (planStore === undefined || this.#stopping.signal.aborted) return Promise.resolve();
    if (going !== undefined) return going;
    const look = this.#lookOnce(planStore, probing).finally(() => this.#going.delete(name));
    this.#going.set(name, look);
    return look;
  }

  async #lookOnce(planStore: PlanStore, probing: boolean): Promise<void> {
    const patience = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(patienceMs)]);
    const { world } = this.#world;
    const unseen = this.#unseen(planStore);
    try {
      await using store = await world.openStore(planStore);
      if (probing) await probeToWrite(store, world, patience);
      const space = await store.space(patience);
      // A history that is built anew takes its time, and says nothing against the store.
      const unreadable = (await tolerateHistory(world, () => synchronise(store, world.history, this.#stopping.signal))) ?? [];
      const problem = unreadable[0] === undefined ? null : tellError(unreadable[0].error);
      this.#found({ ...unseen, location: store.location, reachable: true, problem, ...space });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#found({ ...unseen, location: this.#states.get(planStore.name)?.location ?? '', reachable: false, problem: tellError(error) });
    }
  }

  #found(state: Looked): void {
    this.#states.set(state.name, { ...state, checkedAt: this.#world.world.clock.now().toISOString() });
    this.#onLooked();
  }

  #unseen({ name, kind }: PlanStore): Looked {
    const plans = [...this.#world.plans.values()].filter(({ stores }) => stores.some((store) => store.name === name));
    return {
      name,
      kind,
      location: name,
      plans: plans.map((plan) => plan.name),
      reachable: null,
      problem: null,
      freeBytes: null,
      totalBytes: null,
      checkedAt: null,
    };
  }

  /** A run that goes on needs the store for itself, and another look follows its end. */
  #isBusy({ name }: PlanStore): boolean {
    const { queue, plans } = this.#world;
    return queue
      .live()
      .some(({ request, state }) => state === 'running' && plans.get(request.plan)?.stores.some((store) => store.name === name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await Promise.all(this.#going.values());
  }
}
