import type { BigIntStats } from 'node:fs';
import type { Extent, TreeEntry } from '../../domain/tree-entry.ts';
import type { FileReference, Posix } from '../../platform/posix.ts';
import { isSystemError } from '../../platform/system-error.ts';
import type { IssueList } from './issue-list.ts';
import type { OwnerNames } from './owner-names.ts';
import { printablePath } from './printable-path.ts';

/** What is known of an entry before its content is touched. */
interface Known {
  readonly path: Buffer;
  readonly archivePath: Uint8Array;
  readonly stats: BigIntStats;
}

export interface BuilderOptions {
  readonly owners: OwnerNames;
  readonly posix: Posix | undefined;
  readonly xattrs: boolean;
  readonly issues: IssueList;
}

/** A map of holes finer than this part of a file would cost more memory than the zeros it saves. */
const mostExtents = 65_536;
const statBlockBytes = 512n;

/** Makes entries of what the system says about a file. */
export class EntryBuilder {
  readonly #options: BuilderOptions;

  constructor(options: BuilderOptions) {
    this.#options = options;
  }

  directory(known: Known): TreeEntry {
    return { ...this.#common(known), type: 'directory', xattrs: this.#xattrs(known, known.path) };
  }

  symlink(known: Known, linkTarget: Uint8Array): TreeEntry {
    return { ...this.#common(known), type: 'symlink', linkTarget, xattrs: this.#xattrs(known, known.path) };
  }

  /** Its attributes are those of the entry that carries the content. */
  hardLink(known: Known, linkTarget: Uint8Array): TreeEntry {
    return { ...this.#common(known), type: 'hardlink', linkTarget };
  }

  file(known: Known, fd: number): TreeEntry {
    const extents = this.#extents(known.stats, fd);
    const entry: TreeEntry = { ...this.#common(known), type: 'file', sizeBytes: Number(known.stats.size), xattrs: this.#xattrs(known, fd) };
    return extents === undefined ? entry : { ...entry, extents };
  }

  #common({ archivePath, stats }: Known): Omit<TreeEntry, 'type'> {
    const uid = Number(stats.uid);
    const gid = Number(stats.gid);
    const { owners } = this.#options;
    return {
      path: archivePath,
      sizeBytes: 0,
      mode: Number(stats.mode) & 0o7777,
      uid,
      gid,
      user: owners.user(uid),
      group: owners.group(gid),
      mtimeNs: stats.mtimeNs,
      linkTarget: noBytes,
      xattrs: noXattrs,
    };
  }

  #xattrs({ path }: Known, file: FileReference): ReadonlyMap<string, Uint8Array> {
    const { posix, xattrs, issues } = this.#options;
    if (posix === undefined || !xattrs) return noXattrs;
    try {
      return posix.readXattrs(file);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      issues.add({
        subject: printablePath(path),
        problem: 'attributes',
        detail: `its extended attributes cannot be read: ${error.code}`,
        severity: 'loss',
      });
      return noXattrs;
    }
  }

  /** Undefined for a file without holes, as also a file system that compresses has them. */
  #extents({ size, blocks }: BigIntStats, fd: number): readonly Extent[] | undefined {
    const { posix } = this.#options;
    if (posix === undefined || blocks * statBlockBytes >= size) return undefined;
    const sizeBytes = Number(size);
    const extents = posix.dataExtents(fd, { sizeBytes, leastHoleBytes: Math.floor(sizeBytes / mostExtents) });
    const [first] = extents ?? [];
    return first?.sizeBytes === sizeBytes ? undefined : extents;
  }
}

const noBytes = new Uint8Array(0);
const noXattrs: ReadonlyMap<string, Uint8Array> = new Map();
