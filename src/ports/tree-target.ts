import type { ListedEntry, TreeEntry } from '../domain/tree-entry.ts';

/**
 * Where a tree is put back. It refuses to leave its directory whatever an archive says: no `..`, no absolute path, no
 * writing through a symlink. Never replaces anything that was there before `open`.
 */
export interface TreeTarget {
  /** `directory` must be absent or empty (`TARGET_EXISTS`); parents are made. */
  open(directory: string, options: TreeWriterOptions): Promise<TreeWriter>;
  /** A scratch directory that is removed on dispose. */
  scratch(): Promise<{ readonly directory: string } & AsyncDisposable>;
  /** Reads a restored entry back. Undefined when it is what the listing says, else what differs, in words. */
  compare(directory: string, entries: AsyncIterable<ListedEntry>, signal: AbortSignal): Promise<TreeComparison>;
  /**
   * An empty directory to `open` for what shall be promoted to `place`: on the same file system, beside it, or within it when
   * it is a mount point. Removed on dispose. What interrupted restores left there is removed too, unless it may hold what
   * stood in the place: then it is named in the log.
   */
  stage(place: string, label: string): Promise<{ readonly directory: string } & AsyncDisposable>;
  /**
   * Puts each restored root into the place it came from, one rename each; what stood there is kept beside it under a dated name.
   * Throws `TARGET_FAILED` when everything is as it was before, `RESTORE_HALF_DONE` when it is not.
   */
  promote(moves: readonly TreeMove[], label: string): Promise<PromotedTrees>;
  /** What was in a place before and is only in the kept copy now: the snapshot did not hold it. */
  leftBehind(kept: string, place: string): Promise<LeftBehind>;
}

export interface LeftBehind {
  /** A directory with all that is in it counts as one. */
  readonly count: number;
  /** The first few, printable, below the place. */
  readonly paths: readonly string[];
}

export interface TreeMove {
  /** A directory of `stage`. */
  readonly staging: string;
  /** Path in it. */
  readonly path: string;
  readonly to: string;
}

export interface PromotedTree {
  readonly to: string;
  /** Where what stood there is now; null when nothing did. */
  readonly kept: string | null;
  /** The shell command that takes it back by hand. */
  readonly undoCommand: string;
}

export interface PromotedTrees {
  /** In the order of the moves. */
  readonly trees: readonly PromotedTree[];
  /** Puts everything back, until the staging directories are disposed of. Throws `RESTORE_HALF_DONE`; then nothing was removed. */
  readonly undo: () => void;
}

export interface TreeWriterOptions {
  readonly owners: boolean;
  /** False spares the flush to stable storage at the end: for a tree that is looked at and thrown away. Default true. */
  readonly durable?: boolean;
}

export interface TreeComparison {
  readonly compared: number;
  readonly differences: readonly string[];
}

/** Entries in archive order; a file's bytes follow its `begin`, then `endFile`. */
export interface TreeWriter extends AsyncDisposable {
  begin(entry: TreeEntry): void | Promise<void>;
  /** Finishes with the bytes before it returns or, when it returns a promise, before that resolves. */
  write(bytes: Uint8Array): void | Promise<void>;
  endFile(): void | Promise<void>;
  /** Sets what must come last (directory times, symlinks), flushes; returns how many entries were written and remarks. */
  finish(): Promise<{ readonly entries: number; readonly remarks: readonly string[] }>;
}
