import type { DatabaseTally } from '../domain/database-tally.ts';
import type { HoldfastError } from '../domain/errors.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Deletion, FactsFilter, History, NewRun, RunEnd, RunFilter, SnapshotFilter, SnapshotKey } from '../ports/history.ts';

type Verified = Parameters<History['recordVerification']>[1];

/**
 * For one command whose history is on a server that is away. It answers from memory, with what the stores tell. Runs and what was
 * verified are kept for the server (`spooling`); what a later look into the stores finds anyway is not. Nothing is let go: that
 * would be decided on too little.
 */
export class OutageHistory implements History {
  readonly #memory: History;
  readonly #spooling: History;
  readonly #reason: HoldfastError;

  constructor({ memory, spooling, reason }: { readonly memory: History; readonly spooling: History; readonly reason: HoldfastError }) {
    this.#memory = memory;
    this.#spooling = spooling;
    this.#reason = reason;
  }

  startRun(run: NewRun) {
    return this.#spooling.startRun(run);
  }

  endRun(id: string, end: RunEnd) {
    return this.#spooling.endRun(id, end);
  }

  recordNotified(key: string, at: Date) {
    return this.#spooling.recordNotified(key, at);
  }

  async recordVerification(key: SnapshotKey, verification: Verified): Promise<void> {
    await this.#memory.recordVerification(key, verification);
    // The server may not know it yet.
    for (const snapshot of await this.#memory.snapshots(key)) await this.#spooling.recordSnapshot(snapshot);
    await this.#spooling.recordVerification(key, verification);
  }

  async recordTallies(plan: string, tallies: readonly DatabaseTally[]): Promise<void> {
    await this.#memory.recordTallies(plan, tallies);
    await this.#spooling.recordTallies(plan, tallies);
  }

  recordSnapshot(snapshot: Omit<Snapshot, 'verification'>) {
    return this.#memory.recordSnapshot(snapshot);
  }

  forgetSnapshot(key: SnapshotKey) {
    return this.#memory.forgetSnapshot(key);
  }

  recordStorePlace(store: string, place: string) {
    return this.#memory.recordStorePlace(store, place);
  }

  async recordDeletion(_deletion: Deletion): Promise<void> {
    throw this.#reason;
  }

  runs(filter: RunFilter) {
    return this.#memory.runs(filter);
  }

  run(key: string) {
    return this.#memory.run(key);
  }

  series(filter: Parameters<History['series']>[0]) {
    return this.#memory.series(filter);
  }

  runTotals() {
    return this.#memory.runTotals();
  }

  snapshots(filter: SnapshotFilter) {
    return this.#memory.snapshots(filter);
  }

  summaries(filter: SnapshotFilter) {
    return this.#memory.summaries(filter);
  }

  facts(filter: FactsFilter) {
    return this.#memory.facts(filter);
  }

  revision() {
    return this.#memory.revision();
  }

  tallies(plan: string) {
    return this.#memory.tallies(plan);
  }

  storePlace(store: string) {
    return this.#memory.storePlace(store);
  }

  deletions(filter: { readonly plan?: string }) {
    return this.#memory.deletions(filter);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#memory[Symbol.asyncDispose]();
    await this.#spooling[Symbol.asyncDispose]();
  }
}
