import { chmodSync, closeSync, constants, ftruncateSync, linkSync, lstatSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs';
import type { Extent } from '../../domain/tree-entry.ts';
import { isSystemError } from '../../platform/system-error.ts';
import type { AttributeWriter } from './attribute-writer.ts';
import { latin1Bytes } from './latin1.ts';
import { corruptEntry, shown } from './restored-path.ts';
import { targetError } from './target-errors.ts';
import type { Attributes, EntryOperation, WriteOperation } from './write-operation.ts';

/** A directory on the way down, that this writer made or proved to be a directory. */
interface Level {
  /** Below the target, with a slash at the end; empty for the target itself. */
  readonly prefix: string;
  /** Given when it is left; null for one that the archive does not list (only what lies in it). */
  attributes: Attributes | null;
  /** Made when the directory is left, so that nothing can be written through them. */
  readonly symlinks: EntryOperation[];
}

interface FileInWork {
  readonly fd: number;
  readonly entry: EntryOperation;
  readonly createdMode: number;
  /** Where the next byte goes, extent by extent. */
  readonly extents: readonly Extent[];
  extent: number;
  withinExtent: number;
}

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const newFile = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

/**
 * Makes entries in a fresh directory, one after the other. It keeps the chain of directories down to the present one open
 * for nobody else (0700), and gives each its attributes when it is left: the memory used does not grow with the tree.
 */
export class EntryWriter {
  readonly #directory: string;
  readonly #attributes: AttributeWriter;
  readonly #umask = process.umask();
  readonly #levels: Level[] = [{ prefix: '', attributes: null, symlinks: [] }];
  #file: FileInWork | undefined;
  #entries = 0;

  /** `directory` as a latin1 path. */
  constructor(directory: string, attributes: AttributeWriter) {
    this.#directory = directory;
    this.#attributes = attributes;
  }

  /** `data` is what belongs to the operation. Throws `ARCHIVE_CORRUPT`, `SPACE_SHORT`, `TARGET_FAILED`. */
  perform({ entry, dataBytes, ends }: WriteOperation, data: Uint8Array): void {
    const path = entry?.path ?? this.#file?.entry.path ?? '';
    try {
      if (entry !== null) this.#begin(entry);
      if (dataBytes > 0) this.#write(data);
      if (ends && this.#file !== undefined) this.#endFile(this.#file);
    } catch (error) {
      throw targetError(error, `restore "${shown(path)}"`);
    }
  }

  /** Leaves all directories; returns how many entries were made. */
  finish(): number {
    try {
      this.#leaveTo('');
      for (const symlink of this.#levels[0]?.symlinks.splice(0) ?? []) this.#symlink(symlink);
    } catch (error) {
      throw targetError(error, `finish "${shown(this.#directory)}"`);
    }
    return this.#entries;
  }

  #begin(entry: EntryOperation): void {
    const slash = entry.path.lastIndexOf('/');
    const parent = this.#enter(entry.path.slice(0, slash + 1));
    this.#entries += 1;
    if (entry.type === 'directory') this.#enter(`${entry.path}/`).attributes = entry;
    else if (entry.type === 'symlink') parent.symlinks.push(entry);
    else if (entry.type === 'hardlink') this.#hardLink(entry);
    else this.#beginFile(entry);
  }

  /** The level of a directory that may not be there yet; others that it does not lie in are left. */
  #enter(prefix: string): Level {
    this.#leaveTo(prefix);
    let level = this.#top();
    while (level.prefix !== prefix) {
      const next = prefix.slice(0, prefix.indexOf('/', level.prefix.length) + 1);
      level = { prefix: next, attributes: this.#makeDirectory(next), symlinks: [] };
      this.#levels.push(level);
    }
    return level;
  }

  #top(): Level {
    const top = this.#levels.at(-1);
    if (top === undefined) throw new Error('the target itself was left');
    return top;
  }

  /** Makes it, or goes back into one that was left before. Returns what it shall be given when it is left. */
  #makeDirectory(prefix: string): Attributes | null {
    const path = prefix.slice(0, -1);
    try {
      mkdirSync(this.#path(path), { mode: 0o700 });
      return null;
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error;
      return this.#reopenDirectory(path);
    }
  }

  #reopenDirectory(path: string): Attributes {
    const stats = lstatSync(this.#path(path), { bigint: true });
    if (!stats.isDirectory()) throw corruptEntry(path, 'the archive holds something below it, but it is no directory');
    chmodSync(this.#path(path), 0o700);
    return { path, mode: Number(stats.mode) & 0o7777, uid: Number(stats.uid), gid: Number(stats.gid), mtimeNs: stats.mtimeNs, xattrs: [] };
  }

  #leaveTo(prefix: string): void {
    for (let top = this.#top(); !prefix.startsWith(top.prefix); top = this.#top()) {
      this.#leave(top);
      this.#levels.pop();
    }
  }

  #leave({ prefix, attributes, symlinks }: Level): void {
    for (const symlink of symlinks) this.#symlink(symlink);
    const file = this.#path(prefix.slice(0, -1));
    if (attributes !== null) this.#attributes.apply({ file, mode: 0o700, isDirectory: true }, attributes);
    else chmodSync(file, 0o777 & ~this.#umask);
  }

  #symlink(entry: EntryOperation): void {
    const file = this.#path(entry.path);
    unique(entry.path, () => symlinkSync(latin1Bytes(entry.linkTarget), file));
    this.#attributes.apply({ file, mode: null, isDirectory: false }, entry);
  }

  /** Every step down to the file is proved to be one of this writer's directories, so no symlink leads it elsewhere. */
  #hardLink({ path, linkTarget }: EntryOperation): void {
    const names = linkTarget.split('/');
    for (let count = 1; count <= names.length; count++) {
      const stats = lstatSync(this.#path(names.slice(0, count).join('/')), { throwIfNoEntry: false });
      const fits = count < names.length ? stats?.isDirectory() : stats?.isFile();
      if (fits !== true) throw corruptEntry(path, `it is a hard link to "${shown(linkTarget)}", which is not among the files before it`);
    }
    unique(path, () => linkSync(this.#path(linkTarget), this.#path(path)));
  }

  #beginFile(entry: EntryOperation): void {
    // With its final permissions at once where that needs no second call; the directory is closed to others anyway.
    const createdMode = (entry.mode & this.#umask) === 0 && entry.mode <= 0o777 ? entry.mode | 0o200 : 0o600;
    const fd = unique(entry.path, () => openSync(this.#path(entry.path), newFile, createdMode));
    const extents = entry.extents ?? [{ offset: 0, sizeBytes: entry.sizeBytes }];
    this.#file = { fd, entry, createdMode, extents, extent: 0, withinExtent: 0 };
  }

  #write(data: Uint8Array): void {
    const file = this.#file;
    if (file === undefined) throw new Error('content arrives outside a file');
    for (let taken = 0; taken < data.length;) {
      const extent = file.extents[file.extent];
      if (extent === undefined) throw corruptEntry(file.entry.path, 'it has more content than its size says');
      const room = Math.min(extent.sizeBytes - file.withinExtent, data.length - taken);
      const written = writeSync(file.fd, data, taken, room, extent.offset + file.withinExtent);
      taken += written;
      file.withinExtent += written;
      if (file.withinExtent === extent.sizeBytes) {
        file.extent += 1;
        file.withinExtent = 0;
      }
    }
  }

  #endFile(file: FileInWork): void {
    const { fd, entry, createdMode } = file;
    this.#file = undefined;
    try {
      if (entry.extents !== null) ftruncateSync(fd, entry.sizeBytes);
      this.#attributes.apply({ file: fd, mode: createdMode, isDirectory: false }, entry);
      this.#attributes.flush(fd);
    } finally {
      closeSync(fd);
    }
  }

  #path(path: string): Buffer {
    return latin1Bytes(path === '' ? this.#directory : `${this.#directory}/${path}`);
  }
}

/** An archive that lists an entry twice must not replace the first with the second. */
function unique<T>(path: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) throw corruptEntry(path, 'the archive holds it twice');
    throw error;
  }
}
