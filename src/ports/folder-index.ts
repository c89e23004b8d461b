import type { TreeEntry } from '../domain/tree-entry.ts';

/** What stands in a folder of a snapshot: something of a tree, a database among the folders, or a table of one. */
export interface FolderEntry {
  readonly type: TreeEntry['type'] | 'database' | 'table';
  /** The last name of its path; raw bytes, since a file name need not be UTF-8. A database's may hold `/`. */
  readonly name: Uint8Array;
  /** Of a file, a database and a table. */
  readonly sizeBytes: number | null;
  readonly modifiedAt: Date | null;
  /** Hex; of a file and a table. */
  readonly sha256: string | null;
  /** Of a table. */
  readonly rows: number | null;
  /** Of a hard link: path of the entry that carries the content. */
  readonly linkTarget: Uint8Array | null;
}

/** Where a page of a folder ends: the next begins behind it. */
export type PlaceInFolder = Pick<FolderEntry, 'type' | 'name'>;

/**
 * The folders of one snapshot, looked up in any order at the same price. Memory is bounded however many entries are added;
 * what does not fit is on the disk, in a file that no other process can open and that is gone with this index. Paths are raw
 * bytes without `/` at either end, '' is the top. Throws `SPACE_SHORT` when there is no room for it.
 */
export interface FolderIndex extends Disposable {
  /** Folders above that nobody added are there too, as far as they are needed. The same path again replaces what was there. */
  add(folder: Uint8Array, entry: FolderEntry): void;
  /** Databases first, then folders, then the rest, each by the bytes of their names; undefined where no folder is. */
  page(folder: Uint8Array, wanted: { readonly after: PlaceInFolder | undefined; readonly limit: number }): FolderEntry[] | undefined;
  /** What a tree holds at this path. */
  find(path: Uint8Array): FolderEntry | undefined;
}
