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
  /** Removes a directory that `open` made and that is not needed any more, with all that is in it. */
  discard(directory: string): Promise<void>;
  /** Reads a restored entry back. Undefined when it is what the listing says, else what differs, in words. */
  compare(directory: string, entries: AsyncIterable<ListedEntry>, signal: AbortSignal): Promise<TreeComparison>;
  /**
   * A directory to `open` for what shall be promoted to `place`: on the same file system, beside it, or within it when it is
   * a mount point. Nothing is there yet. What interrupted restores left there is named in the log.
   */
  stagingDirectory(place: string, label: string): string;
  /**
   * Puts each restored root into the place it came from, one rename each; what stood there is kept beside it under a dated name.
   * Returns what was done, root by root.
   */
  promote(
    moves: readonly { readonly from: string; readonly to: string }[],
    label: string,
  ): Promise<readonly { readonly to: string; readonly kept: string | null }[]>;
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
