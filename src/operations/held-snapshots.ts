import type { Plan } from '../domain/plan.ts';
import { bySequence, counts, type RetentionCandidate } from '../domain/retention.ts';
import type { History, SnapshotFacts } from '../ports/history.ts';
import { factsInPages } from './facts-in-pages.ts';

/** What a store holds of a plan. */
export interface Held {
  readonly store: string;
  readonly snapshots: number;
  readonly sizeBytes: number;
  /** By sequence. */
  readonly newest: SnapshotFacts | undefined;
  /** When the latest was made, by the clock that its backup had. */
  readonly newestAt: string | null;
  /** All of them, when the plan has several stores: then it matters which of them lack some. */
  readonly candidates: readonly RetentionCandidate[];
}

export interface HeldSnapshots {
  /** One for each store of the plan, in their order. */
  readonly held: readonly Held[];
  /**
   * Those that tell how the plan stands: of each store the newest, the newest that counts, and all that are damaged. Newest
   * first by sequence; of one in several stores, in the order of the stores.
   */
  readonly telling: readonly SnapshotFacts[];
}

/** What the stores of a plan hold of it. The history may know other stores, that the plan does not name any more. */
export async function heldSnapshots({ name: plan, stores }: Plan, history: Pick<History, 'facts'>): Promise<HeldSnapshots> {
  const tallies = new Map(stores.map(({ name }) => [name, new StoreTally(name, stores.length > 1)]));
  for await (const facts of factsInPages(history, { plan })) tallies.get(facts.store)?.add(facts);
  const inOrder = [...tallies.values()];
  return { held: inOrder.map((tally) => tally.held()), telling: inOrder.flatMap((tally) => tally.telling()).toSorted(bySequence) };
}

class StoreTally {
  readonly #store: string;
  readonly #keepsCandidates: boolean;
  readonly #candidates: RetentionCandidate[] = [];
  readonly #damaged: SnapshotFacts[] = [];
  #newest: SnapshotFacts | undefined;
  #newestCounting: SnapshotFacts | undefined;
  #snapshots = 0;
  #sizeBytes = 0;
  #newestAt: string | null = null;

  constructor(store: string, keepsCandidates: boolean) {
    this.#store = store;
    this.#keepsCandidates = keepsCandidates;
  }

  add(facts: SnapshotFacts): void {
    const { id, sequence, outcome, verification, sizeBytes } = facts;
    const createdAt = new Date(facts.createdAt);
    const at = createdAt.toISOString();
    this.#snapshots++;
    this.#sizeBytes += sizeBytes;
    if (this.#newestAt === null || at > this.#newestAt) this.#newestAt = at;
    this.#newest = newerOf(this.#newest, facts);
    if (counts(facts)) this.#newestCounting = newerOf(this.#newestCounting, facts);
    if (verification.kind === 'failed') this.#damaged.push(facts);
    if (this.#keepsCandidates) this.#candidates.push({ id, sequence, createdAt, outcome, verification, sizeBytes });
  }

  held(): Held {
    const held = { store: this.#store, snapshots: this.#snapshots, sizeBytes: this.#sizeBytes };
    return { ...held, newest: this.#newest, newestAt: this.#newestAt, candidates: this.#candidates };
  }

  telling(): SnapshotFacts[] {
    const newest = [this.#newest, this.#newestCounting].filter((facts) => facts !== undefined);
    return [...new Set([...newest, ...this.#damaged])];
  }
}

function newerOf(known: SnapshotFacts | undefined, facts: SnapshotFacts): SnapshotFacts {
  return known === undefined || bySequence(facts, known) < 0 ? facts : known;
}
