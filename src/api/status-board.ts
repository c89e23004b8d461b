import { isHoldfastError } from '../domain/errors.ts';
import type { Plan } from '../domain/plan.ts';
import { type CopyState, planStatusOf, type PlanState } from '../operations/status.ts';
import type { LiveRun } from '../ports/runner.ts';
import type { ApiContext, StatusBoard } from './api-context.ts';
import type { PlanStatus, Status, StoreState } from './contract.ts';
import { presentLive, presentTrouble } from './present.ts';
import { presentPlan } from './present-plan.ts';
import { sentenceOf, worstHealth } from './status-sentence.ts';
import { StoreLooks } from './store-looks.ts';

/** What a store holds of all plans. */
type Held = Pick<CopyState, 'snapshots' | 'sizeBytes' | 'newestAt'>;
export type BoardWorld = Pick<ApiContext, 'plans' | 'world' | 'state' | 'queue' | 'preview'>;

/** How often the history is asked whether anything was written. */
const lookMs = 5_000;
/** After so long everything is worked out anew: ages grow by themselves. */
const staleMs = 30_000;

/** Works out the status for the first time, and keeps it at hand from then on, until it is disposed of. */
export async function openStatusBoard(world: BoardWorld): Promise<StatusBoard & AsyncDisposable> {
  const board = new Board(world);
  await board.start();
  return board;
}

class Board implements StatusBoard, AsyncDisposable {
  readonly #world: BoardWorld;
  readonly #looks: StoreLooks;
  readonly #listeners = new Set<(status: Status) => void>();
  readonly #states = new Map<string, LiveRun['state']>();
  #plans: readonly PlanStatus[];
  #held: ReadonlyMap<string, Held> = new Map();
  #alerts: Status['alerts'] = [];
  #history: Status['history'] = 'ok';
  #generatedAt: Date;
  #revision: string | null = null;
  #workedOutMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;
  #working: Promise<void> = Promise.resolve();
  #isWanted = false;

  constructor(world: BoardWorld) {
    this.#world = world;
    this.#looks = new StoreLooks(world, () => this.#want());
    this.#plans = [...world.plans.values()].map((plan) => unknownPlan(plan));
    this.#generatedAt = world.world.clock.now();
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#world.queue.subscribe((run) => this.#onRun(run));
    await this.#workOut();
    this.#timer = setInterval(() => void this.#look(), lookMs).unref();
    this.#looks.start();
  }

  status(): Status {
    const plans = this.#plans.map((plan) => ({ ...plan, running: this.#runningOf(plan) }));
    return {
      generatedAt: this.#generatedAt.toISOString(),
      health: worstHealth(plans),
      sentence: sentenceOf(plans, this.#history, this.#world.world.clock.now()),
      plans,
      alerts: this.#alerts,
      history: this.#history,
      version: this.#world.world.version,
    };
  }

  stores(): readonly StoreState[] {
    return this.#looks.states().map((state) => ({ ...state, ...(this.#held.get(state.name) ?? nothingHeld) }));
  }

  async probe(store: string): Promise<StoreState> {
    const looked = await this.#looks.probe(store);
    await this.#workOut();
    return { ...looked, ...(this.#held.get(store) ?? nothingHeld) };
  }

  subscribe(listener: (status: Status) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Those of the queue as they are at this moment, and what commands run beside it. */
  #runningOf({ name, running }: PlanStatus): PlanStatus['running'] {
    const { queue } = this.#world;
    const live = queue.live().filter(({ request, state }) => request.plan === name && state !== 'ended');
    return [...live.map(presentLive), ...running.filter(({ id }) => queue.find(id) === undefined)];
  }

  /** Progress is told as it comes; what changes the status is that a run begins or ends. */
  #onRun({ request, state }: LiveRun): void {
    if (this.#states.get(request.key) === state) return;
    if (state === 'ended') this.#states.delete(request.key);
    else this.#states.set(request.key, state);
    this.#want();
    if (state === 'ended') this.#looks.lookAt(this.#world.plans.get(request.plan)?.stores ?? []);
  }

  /** However often it is wanted while it is being worked out, once more is enough. */
  #want(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    void this.#workOut();
  }

  async #look(): Promise<void> {
    const { history, clock } = this.#world.world;
    const revision = await history.revision().catch(() => null);
    if (revision !== this.#revision || clock.monotonicMs() - this.#workedOutMs >= staleMs) this.#want();
  }

  #workOut(): Promise<void> {
    this.#working = this.#working.then(async () => {
      this.#isWanted = false;
      try {
        await this.#workOutOnce();
      } catch (error) {
        this.#world.world.log.error('The status could not be worked out', { component: 'Api', error: String(error) });
      }
    });
    return this.#working;
  }

  async #workOutOnce(): Promise<void> {
    const { plans, world, state, preview } = this.#world;
    this.#workedOutMs = world.clock.monotonicMs();
    try {
      // Before the history is read: what is written meanwhile is seen at the next look.
      const revision = await world.history.revision();
      const states: PlanState[] = [];
      for (const plan of plans.values())
        states.push(await planStatusOf(plan, world, (after) => preview(plan, 'backup', after, 1)[0]?.at ?? null));
      this.#plans = states.map((planState) => presentPlan(planState, preview));
      this.#held = heldBy(states);
      this.#history = 'ok';
      this.#revision = revision;
    } catch (error) {
      if (!isHoldfastError(error, 'HISTORY_UNREADABLE')) throw error;
      this.#history = 'unreachable';
      this.#revision = null;
    }
    this.#alerts = (await state.outbox.openTroubles()).map(presentTrouble);
    this.#generatedAt = world.clock.now();
    this.#tell();
  }

  #tell(): void {
    const status = this.status();
    for (const listener of this.#listeners) listener(status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    this.#listeners.clear();
    await this.#looks[Symbol.asyncDispose]();
    await this.#working;
  }
}

const nothingHeld: Held = { snapshots: 0, sizeBytes: 0, newestAt: null };

/** Plans may share a store. */
function heldBy(states: readonly PlanState[]): ReadonlyMap<string, Held> {
  const held = new Map<string, Held>();
  for (const { store, snapshots, sizeBytes, newestAt } of states.flatMap(({ copies }) => copies)) {
    const known = held.get(store) ?? nothingHeld;
    const newest = known.newestAt === null || (newestAt !== null && newestAt > known.newestAt) ? newestAt : known.newestAt;
    held.set(store, { snapshots: known.snapshots + snapshots, sizeBytes: known.sizeBytes + sizeBytes, newestAt: newest });
  }
  return held;
}

/** Until the history was read for the first time nobody knows how a plan stands. */
function unknownPlan(plan: Plan): PlanStatus {
  return {
    name: plan.name,
    health: 'warning',
    reasons: [
      {
        severity: 'warning',
        code: 'not-known-yet',
        message: 'The history could not be read since the service was started',
        action: 'See what keeps it from being read: holdfast status',
      },
    ],
    provenAt: null,
    newest: null,
    newestVerified: null,
    lastDrill: null,
    lastRun: null,
    running: [],
    next: [],
    snapshots: 0,
    sizeBytes: 0,
    stores: plan.stores.map(({ name }) => name),
    copies: [],
    sources: plan.sources.map(({ kind, name }) => ({ kind, name })),
    objectives: { rpoMs: null, rtoMs: null },
  };
}
