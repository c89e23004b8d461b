import type { Extent, TreeEntry } from '../../domain/tree-entry.ts';
import { latin1 } from './latin1.ts';
import { restoredPath } from './restored-path.ts';

/** What an entry is given beside its content. Paths are latin1 strings, one character for each byte. */
export interface Attributes {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: readonly (readonly [name: string, value: Uint8Array])[];
}

/** An entry to make, in a form that passes between threads. */
export interface EntryOperation extends Attributes {
  readonly type: TreeEntry['type'];
  readonly sizeBytes: number;
  readonly linkTarget: string;
  readonly extents: readonly Extent[] | null;
}

/** Next piece of work: an entry to begin, or null to go on with the file before, and how many bytes of the batch belong to it. */
export interface WriteOperation {
  readonly entry: EntryOperation | null;
  dataBytes: number;
  /** No more bytes follow. */
  ends: boolean;
}

/** Throws `ARCHIVE_CORRUPT` for a path that leads out of the tree. */
export function entryOperation(entry: TreeEntry): EntryOperation {
  const { type, sizeBytes, mode, uid, gid, mtimeNs, linkTarget } = entry;
  return {
    path: restoredPath(entry.path),
    type,
    sizeBytes,
    mode,
    uid,
    gid,
    mtimeNs,
    linkTarget: type === 'hardlink' ? restoredPath(linkTarget) : latin1(linkTarget),
    extents: entry.extents ?? null,
    xattrs: entry.xattrs.size === 0 ? noXattrs : [...entry.xattrs],
  };
}

const noXattrs: Attributes['xattrs'] = [];

/** Bytes of content that the archive holds. */
export function contentBytes({ type, sizeBytes, extents }: Pick<EntryOperation, 'type' | 'sizeBytes' | 'extents'>): number {
  if (type !== 'file') return 0;
  return extents === null ? sizeBytes : extents.reduce((sum, extent) => sum + extent.sizeBytes, 0);
}
