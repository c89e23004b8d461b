/**
 * The manifest: what one snapshot holds, how to prove it and how to restore it without Holdfast. It is written last,
 * and a snapshot exists when its manifest does. The JSON on disk is described in `docs/formats/manifest.md`.
 */

export const manifestFormat = 'holdfast-manifest';
export const manifestVersion = 1;

export interface Manifest {
  readonly format: typeof manifestFormat;
  readonly version: typeof manifestVersion;
  /** `<plan>-YYYYMMDD-HHMMSS`, unique in its store. */
  readonly id: string;
  readonly plan: string;
  /** Counts the snapshots of a plan upward by one. Decides which is newest even when the clock was set back. */
  readonly sequence: number;
  /** When the run read its sources, UTC, ISO 8601. */
  readonly createdAt: string;
  readonly finishedAt: string;
  readonly host: string;
  /** Version of Holdfast that wrote it. */
  readonly holdfast: string;
  readonly description: string | null;
  readonly outcome: 'succeeded' | 'degraded';
  readonly layout: Layout;
  readonly compression: Compression;
  readonly encryption: Encryption | null;
  readonly parts: readonly Part[];
  readonly units: readonly UnitRecord[];
  readonly issues: readonly Issue[];
  /**
   * Of an encrypted snapshot: `units` and `issues` as JSON, encrypted like the parts, base64; those two are then empty. Null
   * when nothing is encrypted.
   */
  readonly sealed: string | null;
  /** Shell commands that restore everything with psql, tar, gzip, zstd and age alone, in order. */
  readonly restore: readonly string[];
}

export type Layout = 'separate' | 'bundle';
export type CompressionKind = 'none' | 'gzip' | 'zstd';
export interface Compression {
  readonly kind: CompressionKind;
  /** gzip 1–9, zstd 1–19; 0 for none. */
  readonly level: number;
}

export interface Encryption {
  readonly kind: 'age';
  /** Public keys; empty when a passphrase was used. */
  readonly recipients: readonly string[];
  readonly passphrase: boolean;
}

/** One stored object. `archive` carries units; `contents` is the listing of every tree entry with its digest. */
export interface Part {
  readonly name: string;
  readonly role: 'archive' | 'contents';
  readonly sizeBytes: number;
  /** SHA-256 of the stored bytes, lower-case hex: what `sha256sum` prints. */
  readonly sha256: string;
}

export type UnitRecord = DumpRecord | TreeRecord;

interface UnitBase {
  /** Unique in the snapshot: a database's name, a tree's folder. */
  readonly name: string;
  /** Kind of the source that it came from, for example `postgres`. */
  readonly source: string;
  /** Name of that source in the plan: two of one kind are two servers. */
  readonly sourceName: string;
  /** Name of the part that carries it. */
  readonly part: string;
  /** Bytes before compression. */
  readonly sizeBytes: number;
}

/** A database, as a script that its own command-line client restores. */
export interface DumpRecord extends UnitBase {
  readonly content: 'dump';
  /** In a bundle: the members that hold it, as a prefix (`pgdata/app.sql`, `pgdata/app.sql.00001`, …). */
  readonly path: string | null;
  readonly dump: DumpDetails;
}

/** What the source found out about a dump while it was read. */
export interface DumpDetails {
  readonly engine: string;
  /** `database`: schema and rows of one database. `globals`: roles and tablespaces of a server. */
  readonly scope: 'database' | 'globals';
  readonly database: string;
  readonly host: string | null;
  readonly serverVersion: string;
  readonly tool: string;
  /** How the database must be created so that the dump fits: encoding, collation, … */
  readonly properties: Readonly<Record<string, string | null>>;
  /** SHA-256 of all bytes outside table data, in order, but for lines that differ each time (psql's `\restrict` key). */
  readonly definitionsSha256: string;
  readonly tables: readonly TableRecord[];
  /** Tables whose rows were left out on purpose: a restore makes them empty. Absent: none. */
  readonly withoutRows?: readonly Pick<TableRecord, 'schema' | 'name'>[];
  /** What must exist on a server before the dump can be loaded. */
  readonly requires: {
    readonly roles: readonly string[];
    readonly extensions: readonly { readonly name: string; readonly version: string }[];
  };
}

export interface TableRecord {
  readonly schema: string;
  readonly name: string;
  /** Quoted as it stands in the dump, with its columns: `public.users (id, email)`. */
  readonly copy: string;
  readonly rows: number;
  readonly sizeBytes: number;
  /** SHA-256 of the rows as `COPY … TO STDOUT` prints them, in dump order. */
  readonly sha256: string;
}

/** A file tree, as tar entries. */
export interface TreeRecord extends UnitBase {
  readonly content: 'tree';
  readonly roots: readonly TreeRoot[];
  readonly counts: TreeCounts;
  /** How many lines of the contents listing are this unit's. */
  readonly entries: number;
  /** SHA-256 of this unit's lines in the contents listing. */
  readonly listingSha256: string;
}

/** Where a folder of the archive stood on the machine that was backed up. */
export interface TreeRoot {
  /** Path in the archive, without leading or trailing slash. */
  readonly archivePath: string;
  readonly originalPath: string;
  readonly kind: 'directory' | 'file';
}

export interface TreeCounts {
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly hardlinks: number;
}

/** Something that was not backed up as it stood. */
export interface Issue {
  readonly unit: string;
  /** Path or table concerned, printable. */
  readonly subject: string;
  readonly problem: 'vanished' | 'unreadable' | 'shrank' | 'grew' | 'changed' | 'skipped' | 'attributes' | 'emptied';
  readonly detail: string;
  /** `loss` makes the snapshot degraded; `note` (a socket, a device) does not. */
  readonly severity: 'loss' | 'note';
}
