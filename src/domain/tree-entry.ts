/** One entry of a file tree, as it travels from a source into an archive and from an archive to a target. */
export interface TreeEntry {
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink';
  /** Path in the archive: raw bytes, since a file name need not be UTF-8; `/` between names, none at either end. */
  readonly path: Uint8Array;
  /** Bytes of content; 0 unless `type` is `file`. */
  readonly sizeBytes: number;
  /** Permission bits, 0o0000–0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  /** Nanoseconds since 1970 UTC; may be negative. */
  readonly mtimeNs: bigint;
  /** Symlink: its text. Hard link: archive path of the entry that carries the content. */
  readonly linkTarget: Uint8Array;
  /** Extended attributes, ACLs among them (`system.posix_acl_access`), by name; raw values. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /**
   * Data extents of a sparse file, ascending, each but the last a multiple of 512 bytes long; absent when it has no holes. `sizeBytes` is then still the full length,
   * holes included.
   */
  readonly extents?: readonly Extent[];
}

export interface Extent {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** One line of the contents listing. */
export interface ListedEntry {
  readonly type: TreeEntry['type'];
  readonly path: Uint8Array;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** SHA-256 of the file's whole content (holes read as zeros), hex; empty unless `type` is `file`. */
  readonly sha256: string;
  readonly linkTarget: Uint8Array;
  /** True when the content is not what the file held: it changed or shrank while it was read. */
  readonly damaged: boolean;
}
