import type { DumpDetails, DumpRecord, TableRecord } from '../domain/manifest.ts';
import type { Secret } from '../domain/secret.ts';

/** How the dumps of one database system are read again, proven and restored. */
export interface DumpEngine {
  readonly engine: string;
  /** Reads a dump's bytes and tells what is in it: used while it is made, verified and restored. */
  scanner(): DumpScanner;
  /** A place of its own for drills, removed on dispose: on the server given, or a throw-away server of the installed binaries. */
  scratch(options: { readonly server: Secret | null; readonly dumps: readonly DumpRecord[] }, signal: AbortSignal): Promise<DumpTarget>;
  /** A live server to restore to. The URL names the database that shall hold the data in the end. */
  target(url: Secret, signal: AbortSignal): Promise<DumpTarget>;
  /** Command that restores `stream` (a shell pipeline printing the dump) with the system's own client. */
  restoreCommand(details: DumpDetails, stream: string): string;
}

/** Push all bytes, then `end`, which throws `DUMP_INCOMPLETE` when the dump stops short. With a promise it needs the bytes until that resolves. */
export interface DumpScanner {
  push(bytes: Uint8Array): void | Promise<void>;
  end(): Promise<ScannedDump>;
}

export interface ScannedDump {
  readonly definitionsSha256: string;
  readonly tables: readonly TableRecord[];
}

/** A server to load dumps into. Disposing removes whatever was made there and not promoted. */
export interface DumpTarget extends AsyncDisposable {
  /** Where, without secrets. */
  readonly location: string;
  /**
   * What stands in the way of loading: `ROLE_MISSING`, `EXTENSION_MISSING`, `SPACE_SHORT`, a server too old, each thrown.
   * Returns remarks that do not (a role made up for a drill).
   */
  preflight(dump: DumpRecord, signal: AbortSignal): Promise<readonly string[]>;
  /** A fresh, empty database beside whatever is there. */
  create(dump: DumpRecord, signal: AbortSignal): Promise<LoadingDatabase>;
  /**
   * Loads a `globals` dump; roles that exist already are left as they are. Returns remarks. Comes before the `preflight` of
   * databases, which asks for the roles.
   */
  loadGlobals(dump: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<readonly string[]>;
}

export interface LoadingDatabase extends AsyncDisposable {
  readonly name: string;
  /** Its promotion ends the connections by which others on the server are promoted. */
  readonly comesLast: boolean;
  /**
   * All or nothing, in one transaction: a dump that ends in an error, or not as the record says, leaves nothing behind.
   * The bytes must already be known to be the snapshot's. Throws `DUMP_INCOMPLETE`, `TARGET_FAILED`.
   */
  load(dump: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** Every table against the record, as closely as `depth` says; empty when all is equal. */
  compare(dump: DumpRecord, depth: CompareDepth, signal: AbortSignal): Promise<readonly TableDifference[]>;
  /**
   * Puts it in the place of the database that the target's URL names, in one transaction; keeps the old one under a dated name.
   * Throws `TARGET_FAILED` when the live database is as it was, `RESTORE_HALF_DONE` when that cannot be told.
   */
  promote(signal: AbortSignal): Promise<PromotedDatabase>;
  /**
   * Puts the named tables into a schema of their own in the database that the target's URL names, in one transaction;
   * nothing that stands there is changed. Takes them out of this database, so it comes after `compare` and instead of `promote`.
   */
  transplant(tables: readonly TableName[], signal: AbortSignal): Promise<{ readonly schema: string } & Undoable>;
}

export interface PromotedDatabase extends Undoable {
  readonly name: string;
  /** Where the replaced database is now; null when there was none. */
  readonly oldName: string | null;
  /** What the restored database lacks beside its content: a role that is not there cannot be granted anything. */
  readonly remarks: readonly string[];
}

/** Something that was put into the live place, as long as its target is not disposed of. */
export interface Undoable {
  /** Makes the live place what it was before. Throws when it cannot; then nothing was removed. */
  readonly undo: () => Promise<void>;
  /** The shell command that does the same by hand. */
  readonly undoCommand: string;
}

/**
 * How a loaded database is compared with the record. `counts`: the exact number of rows of every table, which is enough when
 * the bytes that were loaded are known to be those that were backed up, and all of them were loaded in one transaction.
 * `full`: each table is read back too, and its digest compared.
 */
export type CompareDepth = 'counts' | 'full';

export type TableName = Pick<TableRecord, 'schema' | 'name'>;

export interface TableDifference {
  readonly table: string;
  readonly expected: { readonly rows: number; readonly sha256: string } | null;
  /** Without a digest when the rows were only counted. */
  readonly found: { readonly rows: number; readonly sha256: string | null } | null;
  /** In words: `3 rows missing`, `same count, other content`, `table is missing`. */
  readonly message: string;
}
