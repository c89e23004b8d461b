import type { ByteSink } from '../ports/source.ts';
import type { TreeEntry } from '../domain/tree-entry.ts';
import type { TarWriter } from './tar-writer.ts';

/**
 * tar wants a file's size before its bytes, and a dump's size is known only at its end. So a dump goes into a bundle
 * in members of at most 16 MiB: `app.sql`, and when it is longer `app.sql.00001`, `app.sql.00002`, …, which
 * `tar -xzOf … --wildcards 'pgdata/app.sql*'` prints one after the other.
 */
export const segmentBytes = 16 << 20;

export class DumpSegments implements ByteSink {
  readonly #tar: TarWriter;
  readonly #path: string;
  readonly #entry: Omit<TreeEntry, 'path' | 'sizeBytes' | 'type'>;
  readonly #segment = Buffer.allocUnsafeSlow(segmentBytes);
  #used = 0;
  #count = 0;
  #total = 0;

  constructor(tar: TarWriter, path: string, at: Date) {
    this.#tar = tar;
    this.#path = path;
    this.#entry = memberAttributes(at);
  }

  get totalBytes(): number {
    return this.#total;
  }

  window(): Uint8Array {
    return this.#segment.subarray(this.#used);
  }

  filled(sizeBytes: number): void | Promise<void> {
    this.#used += sizeBytes;
    this.#total += sizeBytes;
    if (this.#used === segmentBytes) return this.#store();
  }

  write(bytes: Uint8Array): void | Promise<void> {
    const fits = Math.min(bytes.length, segmentBytes - this.#used);
    this.#segment.set(bytes.subarray(0, fits), this.#used);
    const wait = this.filled(fits);
    if (fits === bytes.length) return wait;
    const rest = Uint8Array.from(bytes.subarray(fits));
    return Promise.resolve(wait).then(() => this.write(rest));
  }

  /** Stores what is left; an empty dump is one empty member. */
  async end(): Promise<void> {
    if (this.#used > 0 || this.#count === 0) await this.#store();
  }

  async #store(): Promise<void> {
    const suffix = this.#count === 0 ? '' : `.${String(this.#count).padStart(5, '0')}`;
    const path = Buffer.from(this.#path + suffix);
    await this.#tar.file({ ...this.#entry, type: 'file', path, sizeBytes: this.#used }, this.#segment.subarray(0, this.#used));
    this.#count += 1;
    this.#used = 0;
  }
}

/** True for the members that `DumpSegments` makes of a dump at `dumpPath`. */
export function isDumpSegment(path: string, dumpPath: string): boolean {
  return path === dumpPath || (path.startsWith(`${dumpPath}.`) && /^\d{5,}$/.test(path.slice(dumpPath.length + 1)));
}

/** Members that Holdfast makes itself: readable by their owner alone, dated like the snapshot. */
export function memberAttributes(at: Date): Omit<TreeEntry, 'path' | 'sizeBytes' | 'type'> {
  return {
    mode: 0o600,
    uid: 0,
    gid: 0,
    user: 'root',
    group: 'root',
    mtimeNs: BigInt(Math.floor(at.getTime() / 1000)) * 1_000_000_000n,
    linkTarget: new Uint8Array(0),
    xattrs: new Map(),
  };
}
