import type { DatabaseTally } from '../domain/database-tally.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { RunTrigger } from '../domain/run-request.ts';
import type { Snapshot, SnapshotSummary, Verification } from '../domain/snapshot.ts';

/**
 * What is known of runs and snapshots: an index over the stores, which can be rebuilt from them, plus what only it knows
 * (runs, drills, who removed what). Writes are durable when they return.
 */
export interface History extends AsyncDisposable {
  startRun(run: NewRun): Promise<string>;
  endRun(id: string, end: RunEnd): Promise<void>;
  /** Newest first. */
  runs(filter: RunFilter): Promise<readonly Run[]>;
  /** By its key. */
  run(key: string): Promise<Run | undefined>;
  /** Somebody was told how this run ended. Unknown keys are passed over. */
  recordNotified(key: string, at: Date): Promise<void>;
  /** Backups and drills of a plan that began since then and ended, in columns alone: oldest first. */
  series(filter: { readonly plan: string; readonly since: Date }): Promise<readonly RunFigures[]>;
  /** Ended runs by plan, verb and outcome, since the history began: for metrics. */
  runTotals(): Promise<readonly RunTotal[]>;

  /** Adds or refreshes; keeps a verification that is already known for the same manifest digest. */
  recordSnapshot(snapshot: Omit<Snapshot, 'verification'>): Promise<void>;
  /** Settled with what was known by `settledVerification`. `SNAPSHOT_UNKNOWN` when it was never recorded. */
  recordVerification(key: SnapshotKey, verification: Exclude<Verification, { kind: 'unverified' }>): Promise<void>;
  /** The snapshot is gone from its store. */
  forgetSnapshot(key: SnapshotKey): Promise<void>;
  /** Any order; see `newestFirst`. */
  snapshots(filter: SnapshotFilter): Promise<readonly Snapshot[]>;
  /** The same without units: what listings and retention need, quick also for databases of thousands of tables. */
  summaries(filter: SnapshotFilter): Promise<readonly SnapshotSummary[]>;

  /** What the databases of a plan held when they were last seen with their content. Any order. */
  tallies(plan: string): Promise<readonly DatabaseTally[]>;
  /** Adds, or replaces what is known of the same databases; all of them or none. */
  recordTallies(plan: string, tallies: readonly DatabaseTally[]): Promise<void>;

  /** Columns alone, quick for tens of thousands: newest first by creation. */
  facts(filter: FactsFilter): Promise<readonly SnapshotFacts[]>;
  /** Changes whenever a run, snapshot or deletion did, by anybody; equal means that none did. Cheap enough for every request. */
  revision(): Promise<string>;

  /** Where a store lay when it was last looked into (`Store.locatedOn`); null when that is not known. */
  storePlace(store: string): Promise<string | null>;
  recordStorePlace(store: string, place: string): Promise<void>;

  /** Written before something is deleted, and again after. */
  recordDeletion(deletion: Deletion): Promise<void>;
  deletions(filter: { readonly plan?: string }): Promise<readonly Deletion[]>;
}

export interface SnapshotFilter {
  readonly plan?: string;
  readonly store?: string;
  readonly id?: string;
}

export interface SnapshotKey {
  readonly store: string;
  readonly id: string;
}

export interface FactsFilter {
  readonly plan?: string;
  readonly store?: string;
  readonly limit?: number;
  /** Only those before this one in the order of the list. */
  readonly before?: { readonly createdAt: string; readonly id: string; readonly store: string };
}

/** What lists, health, metrics and the calls below `/backups` need of a snapshot, without its manifest. */
export interface SnapshotFacts {
  readonly store: string;
  readonly id: string;
  readonly plan: string;
  readonly sequence: number;
  readonly createdAt: string;
  readonly outcome: 'succeeded' | 'degraded';
  readonly sizeBytes: number;
  readonly description: string | null;
  readonly encrypted: boolean;
  readonly verification: Verification;
  /** Its archives, in order. `database` and `host` are null for trees, for what is sealed, and when it holds several. */
  readonly files: readonly {
    readonly name: string;
    readonly sizeBytes: number;
    readonly database: string | null;
    readonly host: string | null;
  }[];
}

/** What charts need of a run. */
export interface RunFigures {
  readonly verb: 'backup' | 'drill';
  readonly startedAt: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** Of a backup. */
  readonly sizeBytes: number | null;
  /** Of a drill, which tells more in its details. */
  readonly details: RunEnd['details'];
}

export interface RunTotal {
  readonly plan: string | null;
  readonly verb: Verb;
  readonly outcome: Outcome;
  readonly count: number;
  readonly durationMs: number;
}

export type Verb = 'backup' | 'verify' | 'drill' | 'restore' | 'expire' | 'copy' | 'delete' | 'rescue';

export interface NewRun {
  /** A UUID, unique for ever: recording the same key twice records one run. */
  readonly key: string;
  readonly trigger: RunTrigger;
  readonly verb: Verb;
  readonly plan: string | null;
  readonly startedAt: Date;
}

export interface RunEnd {
  readonly endedAt: Date;
  readonly outcome: Outcome;
  readonly snapshotId: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null;
  /** Verb-specific figures, JSON: a drill's RTO and RPO, a backup's bytes. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** `end` is null while it goes on, or when it died: whoever holds the plan's lock may tell which. */
export interface Run extends NewRun {
  readonly id: string;
  readonly end: RunEnd | null;
}

export interface RunFilter {
  readonly plan?: string;
  readonly verb?: Verb;
  readonly limit?: number;
  readonly unended?: boolean;
  readonly outcome?: Outcome;
  readonly since?: Date;
  /** Only runs that started before the one with this key. */
  readonly before?: string;
}

export interface Deletion {
  readonly key: SnapshotKey;
  readonly plan: string;
  readonly at: Date;
  readonly phase: 'intended' | 'done';
  readonly reason: string;
}
