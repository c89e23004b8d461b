import type { Generated } from 'kysely';

/** Tables of the history, for every dialect. Instants are ISO 8601 text in UTC; JSON is text. */
export interface HistorySchema {
  readonly holdfast_schema: { readonly version: number };
  readonly runs: RunsTable;
  readonly snapshots: SnapshotsTable;
  readonly deletions: DeletionsTable;
  readonly stores: StoresTable;
  readonly database_tallies: DatabaseTalliesTable;
}

export interface RunsTable {
  /** Counts upward: tells the order of runs even when the clock was set back. */
  readonly number: Generated<number>;
  readonly verb: string;
  readonly plan: string | null;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly outcome: string | null;
  readonly snapshot_id: string | null;
  readonly error: string | null;
  readonly details: string | null;
  /** Unique, for ever. */
  readonly key: string;
  /** A RunTrigger as JSON. */
  readonly trigger: string;
  readonly notified_at: string | null;
}

export interface SnapshotsTable {
  readonly store: string;
  readonly id: string;
  readonly plan: string;
  readonly manifest_sha256: string;
  readonly verification: string | null;
  /** The manifest without its units. */
  readonly summary: string;
  /** The manifest's units as JSON, in a zstd frame when that is long; last, so that listings need not read it. */
  readonly units: Uint8Array;
}

export interface StoresTable {
  readonly name: string;
  readonly place: string;
}

export interface DatabaseTalliesTable {
  readonly plan: string;
  readonly source: string;
  readonly unit: string;
  /** The whole tally as JSON. */
  readonly tally: string;
}

export interface DeletionsTable {
  readonly number: Generated<number>;
  readonly store: string;
  readonly snapshot_id: string;
  readonly plan: string;
  readonly at: string;
  readonly phase: string;
  readonly reason: string;
}
