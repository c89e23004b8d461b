import { createHash, hash as hashAtOnce } from 'node:crypto';
import { type BigIntStats, closeSync, lstatSync, readlinkSync, readSync } from 'node:fs';
import type { ListedEntry } from '../../domain/tree-entry.ts';
import { isSystemError } from '../../platform/system-error.ts';
import { latin1Bytes } from './latin1.ts';
import { openFile } from './open-file.ts';
import { shown } from './restored-path.ts';

/** A line of the contents listing, in a form that passes between threads. Paths are latin1 strings. */
export interface EntryToCompare extends Pick<ListedEntry, 'type' | 'sizeBytes' | 'mode' | 'mtimeNs' | 'sha256'> {
  readonly path: string;
  readonly linkTarget: string;
}

/** Reads restored entries back and says what differs from the listing, in words. */
export class EntryComparison {
  readonly #directory: string;
  /** Zero where times are set exactly; without calls into the C library Node's own are off by less than a microsecond. */
  readonly #toleranceNs: bigint;
  readonly #buffer = new Uint8Array(1 << 20);

  /** `directory` as a latin1 path. */
  constructor(directory: string, options: { readonly timesAreExact: boolean }) {
    this.#directory = directory;
    this.#toleranceNs = options.timesAreExact ? 0n : 1000n;
  }

  differences(entry: EntryToCompare): readonly string[] {
    try {
      return this.#found(entry).map((difference) => `"${shown(entry.path)}" ${difference}`);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      return [`"${shown(entry.path)}" cannot be read back: ${error.code}`];
    }
  }

  #found(entry: EntryToCompare): readonly string[] {
    const stats = this.#stats(entry.path);
    if (stats === undefined) return ['is missing'];
    const type = typeOf(stats);
    const expectedType = entry.type === 'hardlink' ? 'file' : entry.type;
    if (type !== expectedType) return [`is a ${type}, not a ${expectedType}`];
    return [...this.#attributes(entry, stats), ...this.#content(entry, stats)];
  }

  #attributes({ type, mode, mtimeNs }: EntryToCompare, stats: BigIntStats): string[] {
    const found: string[] = [];
    const foundMode = Number(stats.mode) & 0o7777;
    // A symlink's permissions mean nothing and cannot be set on Linux.
    if (type !== 'symlink' && foundMode !== mode) found.push(`has permissions ${octal(foundMode)}, not ${octal(mode)}`);
    const offNs = stats.mtimeNs > mtimeNs ? stats.mtimeNs - mtimeNs : mtimeNs - stats.mtimeNs;
    if (offNs > this.#toleranceNs) found.push(`has the time ${time(stats.mtimeNs)}, not ${time(mtimeNs)}`);
    return found;
  }

  #content(entry: EntryToCompare, stats: BigIntStats): string[] {
    if (entry.type === 'symlink') return this.#linkText(entry);
    if (entry.type === 'hardlink') return this.#sameFile(entry, stats);
    if (entry.type === 'directory') return [];
    if (Number(stats.size) !== entry.sizeBytes) return [`has ${stats.size} bytes, not ${entry.sizeBytes}`];
    return this.#sha256(entry) === entry.sha256 ? [] : ['has other content'];
  }

  #linkText({ path, linkTarget }: EntryToCompare): string[] {
    const text = readlinkSync(this.#at(path), { encoding: 'latin1' });
    return text === linkTarget ? [] : [`points to "${shown(text)}", not to "${shown(linkTarget)}"`];
  }

  #sameFile({ linkTarget }: EntryToCompare, stats: BigIntStats): string[] {
    const carrier = this.#stats(linkTarget);
    return carrier?.ino === stats.ino && carrier.dev === stats.dev ? [] : [`is not the same file as "${shown(linkTarget)}"`];
  }

  /** Of the whole content; undefined when it stopped being a file. */
  #sha256({ path, sizeBytes }: EntryToCompare): string | undefined {
    const file = openFile(this.#at(path));
    if (file === null) return undefined;
    try {
      return sizeBytes < this.#buffer.length ? this.#hashSmall(file.fd) : this.#hashLarge(file.fd);
    } finally {
      closeSync(file.fd);
    }
  }

  #hashSmall(fd: number): string {
    let used = 0;
    for (let read = -1; read !== 0 && used < this.#buffer.length; used += read)
      read = readSync(fd, this.#buffer, used, this.#buffer.length - used, null);
    return hashAtOnce('sha256', this.#buffer.subarray(0, used));
  }

  #hashLarge(fd: number): string {
    const hash = createHash('sha256');
    for (let read = readSync(fd, this.#buffer); read > 0; read = readSync(fd, this.#buffer)) hash.update(this.#buffer.subarray(0, read));
    return hash.digest('hex');
  }

  #stats(path: string): BigIntStats | undefined {
    return lstatSync(this.#at(path), { bigint: true, throwIfNoEntry: false });
  }

  #at(path: string): Buffer {
    return latin1Bytes(`${this.#directory}/${path}`);
  }
}

function typeOf(stats: BigIntStats): string {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'special file';
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** ISO 8601 with nanoseconds. */
function time(ns: bigint): string {
  const fraction = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const date = new Date(Number((ns - fraction) / 1_000_000n));
  if (Number.isNaN(date.getTime())) return `${ns} ns`;
  return `${date.toISOString().slice(0, 19)}.${String(fraction).padStart(9, '0')}Z`;
}
