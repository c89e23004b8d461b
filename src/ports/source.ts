import type { Issue, DumpDetails, TreeCounts, TreeRoot } from '../domain/manifest.ts';
import type { TreeEntry } from '../domain/tree-entry.ts';

/**
 * Where data is read. A source promises:
 *  - the same input yields the same units, entries and digests, in the same order;
 *  - nothing is lost or shortened silently: what vanished, shrank, grew or could not be read is in the report's issues,
 *    and what makes the whole untrustworthy (a dump cut short, an empty root) is thrown;
 *  - it never changes what it reads;
 *  - after the signal fires it throws `CANCELLED` and leaves no process, connection or file of its own behind.
 * Units are read one after the other, each at most once, all at the moment that `units` was called where the system
 * read allows it (one exported database snapshot).
 */
export interface Source extends AsyncDisposable {
  /** Connects, finds tools, and lists what will be read. Throws what makes a run pointless, before anything is written. */
  units(signal: AbortSignal): Promise<readonly Unit[]>;
}

/** One independently restorable thing: a database, a tree. */
export type Unit = DumpUnit | TreeUnit;

interface UnitBase {
  /** Unique in the source: database name, folder name. Any characters; whoever makes file names of it sanitises it. */
  readonly name: string;
  /** What may stand before a name in a file name: `db`, `files`, `minio`. */
  readonly prefix: string;
  /** Rough size for progress and space checks, in bytes before compression; null when unknown. */
  readonly estimatedBytes: number | null;
}

/** A byte stream of unknown length that a database's own client restores. */
export interface DumpUnit extends UnitBase {
  readonly content: 'dump';
  /** Without dot: `sql`. */
  readonly extension: string;
  /** Folder of a bundle that holds it: `pgdata`. */
  readonly folder: string;
  /** True when it may hold nothing although it held something before. */
  readonly allowEmpty: boolean;
  /** Resolves after the last byte was taken and the dump is known to be complete. Throws `DUMP_INCOMPLETE`, `TOOL_FAILED`, … */
  read(sink: ByteSink, signal: AbortSignal): Promise<DumpReport>;
}

export interface DumpReport {
  readonly details: DumpDetails;
  readonly issues: readonly Omit<Issue, 'unit'>[];
}

/** A file tree. All its entries lie below its roots' archive paths, which no other unit of the source uses. */
export interface TreeUnit extends UnitBase {
  readonly content: 'tree';
  readonly roots: readonly TreeRoot[];
  /** Parents come before children, a hard link after the entry that carries its content. Throws `SOURCE_EMPTY`, `SOURCE_MISSING`, … */
  read(sink: TreeSink, signal: AbortSignal): Promise<TreeReport>;
}

export interface TreeReport {
  readonly counts: TreeCounts;
  readonly issues: readonly Omit<Issue, 'unit'>[];
}

/**
 * Takes bytes in order. Every method finishes with the bytes given before it returns, so the caller may reuse its
 * buffer at once; a returned promise means "wait before you give more" and rejects when what lies behind has failed.
 * Calls must not overlap.
 */
export interface ByteSink {
  write(bytes: Uint8Array): void | Promise<void>;
  /** Room to fill in place instead of `write`: never empty, valid until the next call. */
  window(): Uint8Array;
  /** Says that the first `sizeBytes` of the last window were filled. */
  filled(sizeBytes: number): void | Promise<void>;
}

/**
 * Takes tree entries in order. After a `file` entry exactly the bytes of its data (all its extents, or `sizeBytes`)
 * must follow through `window`/`filled`/`write`, then `endFile`; other entries need no end.
 */
export interface TreeSink extends ByteSink {
  begin(entry: TreeEntry): void | Promise<void>;
  /**
   * Ends a file. A source that could not deliver all bytes says so here, and the sink fills the rest with zeros, so
   * that the archive stays readable and the entry is marked damaged. `changed` marks it damaged with all bytes there.
   */
  endFile(state: 'whole' | 'short' | 'changed'): void | Promise<void>;
}
