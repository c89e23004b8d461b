import type { Generated } from 'kysely';

/** Tables of the history, for every dialect. Instants are ISO 8601 text in UTC; JSON is text. */
export interface HistorySchema {
  readonly holdfast_schema: { readonly version: number };
  readonly runs: RunsTable;
  readonly snapshots: SnapshotsTable;
  readonly deletions: DeletionsTable;
  readonly stores: StoresTable;
  readonly database_tallies: DatabaseTalliesTable;
  /** In PostgreSQL alone: one row, whose number every change moves. */
  readonly revision: { readonly number: number };
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
  /** First archive of the snapshot that a backup made. */
  readonly file_name: string | null;
  readonly size_bytes: number | null;
  readonly duration_ms: number | null;
  /** The message of `error`. */
  readonly error_message: string | null;
  readonly notified_at: string | null;
}

export interface SnapshotsTable {
  readonly store: string;
  readonly id: string;
  readonly plan: string;
  readonly manifest_sha256: string;
  readonly sequence: number;
  readonly created_at: string;
  readonly outcome: string;
  readonly size_bytes: number;
  readonly description: string | null;
  /** 1 or 0. */
  readonly encrypted: number;
  /** `SnapshotFacts.files` as JSON. */
  readonly files: string;
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
  /** Its content in one text: the same record twice is one. Null for those of the time before there was one. */
  readonly record_key: string | null;
}
