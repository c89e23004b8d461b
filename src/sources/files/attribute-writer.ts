import { chmodSync, fchmodSync, fchownSync, fsyncSync, futimesSync, lchownSync, lutimesSync } from 'node:fs';
import type { FileReference, Posix } from '../../platform/posix.ts';
import { isSystemError } from '../../platform/system-error.ts';
import type { RemarkList } from './remark-list.ts';
import { shown } from './restored-path.ts';
import type { Attributes } from './write-operation.ts';

export interface AttributeOptions {
  readonly owners: boolean;
  readonly posix: Posix | undefined;
  readonly remarks: RemarkList;
  /** True when what is made in the target takes over its group or its default ACL. */
  readonly inherits: boolean;
  /** True where the whole file system cannot be flushed at the end. */
  readonly flushesFiles: boolean;
}

const accessAcl = 'system.posix_acl_access';
const defaultAcl = 'system.posix_acl_default';

/** The drive itself fails. ENOSPC is not among them: ext4 says so of an attribute that is larger than it can hold. */
const fatal: ReadonlySet<string> = new Set(['EIO', 'EROFS']);

/** What has just been made, and the permission bits it was made with; null for a symlink, which has none of its own. */
interface Made {
  readonly file: FileReference;
  readonly mode: number | null;
  readonly isDirectory: boolean;
}

/** Gives what was made its owner, mode, attributes and time; what the file system refuses becomes a remark. */
export class AttributeWriter {
  readonly #options: AttributeOptions;
  readonly #ownUid = process.geteuid?.();
  readonly #ownGid = process.getegid?.();

  constructor(options: AttributeOptions) {
    this.#options = options;
  }

  /** The order matters: a change of owner drops set-id bits and capabilities, and all of it comes before the time. */
  apply(made: Made, attributes: Attributes): void {
    const { path, uid, gid, mode, xattrs, mtimeNs } = attributes;
    const ownsAlready = uid === this.#ownUid && gid === this.#ownGid && !this.#options.inherits;
    if (this.#options.owners && !ownsAlready) this.#try('owners could not be set', path, () => setOwner(made.file, uid, gid));
    if (this.#options.inherits && made.mode !== null) this.#dropInherited(made, path);
    if (made.mode !== null && (made.mode !== mode || !ownsAlready))
      this.#try('permissions could not be set', path, () => setMode(made.file, mode));
    for (const [name, value] of xattrs) this.#writeXattr(made.file, { name, value, path });
    this.#try('times could not be set', path, () => this.#setMtime(made.file, mtimeNs));
  }

  flush(fd: number): void {
    if (this.#options.flushesFiles) fsyncSync(fd);
  }

  #dropInherited({ file, isDirectory }: Made, path: string): void {
    const { posix } = this.#options;
    if (posix === undefined) return;
    this.#try('inherited ACLs could not be removed', path, () => {
      posix.removeXattr(file, accessAcl);
      if (isDirectory) posix.removeXattr(file, defaultAcl);
    });
  }

  #writeXattr(
    file: FileReference,
    { name, value, path }: { readonly name: string; readonly value: Uint8Array; readonly path: string },
  ): void {
    const { posix, remarks } = this.#options;
    if (posix === undefined) remarks.add(`extended attribute ${name} could not be set (no calls into the C library here)`, shown(path));
    else this.#try(`extended attribute ${name} could not be set`, path, () => posix.writeXattr(file, name, value));
  }

  #setMtime(file: FileReference, mtimeNs: bigint): void {
    const { posix } = this.#options;
    if (posix !== undefined) return posix.setMtime(file, mtimeNs);
    const seconds = Number(mtimeNs) / 1e9;
    if (typeof file === 'number') futimesSync(file, seconds, seconds);
    else lutimesSync(asBuffer(file), seconds, seconds);
  }

  #try(kind: string, path: string, set: () => void): void {
    try {
      set();
    } catch (error) {
      if (!isSystemError(error) || fatal.has(error.code)) throw error;
      this.#options.remarks.add(`${kind} (${error.code})`, shown(path));
    }
  }
}

function setOwner(file: FileReference, uid: number, gid: number): void {
  if (typeof file === 'number') fchownSync(file, uid, gid);
  else lchownSync(asBuffer(file), uid, gid);
}

function setMode(file: FileReference, mode: number): void {
  if (typeof file === 'number') fchmodSync(file, mode);
  else chmodSync(asBuffer(file), mode);
}

function asBuffer(path: Uint8Array): Buffer {
  return Buffer.from(path.buffer, path.byteOffset, path.length);
}
