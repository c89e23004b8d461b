import { createHash, hash as hashAtOnce } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { TreeEntry } from '../domain/tree-entry.ts';
import type { ByteSink, TreeSink } from '../ports/source.ts';
import type { ListingWriter } from './contents-listing.ts';
import { HoleFiller } from './hole-filler.ts';
import { encodeHeader, paddingBytes, tarBlockBytes } from './tar-format.ts';

const zeros = Buffer.alloc(64 * 1024);
const emptySha256 = hashAtOnce('sha256', '');

/** Where an entry's digest goes when its last byte was taken. */
type Listing = Pick<ListingWriter, 'add'>;

/**
 * Writes a tar archive: entries in the order given, each file hashed as it flows. `tree` gives the sink that a source
 * fills; several may be used one after the other.
 */
export class TarWriter {
  readonly #out: ByteSink;

  constructor(out: ByteSink) {
    this.#out = out;
  }

  tree(listing: Listing): TreeSink {
    return new EntrySink(this.#out, listing);
  }

  /** A whole regular file that is in memory already. */
  async file(entry: TreeEntry, content: Uint8Array): Promise<void> {
    const sink = new EntrySink(this.#out, { add: () => undefined });
    await sink.begin({ ...entry, type: 'file', sizeBytes: content.length });
    if (content.length > 0) await sink.write(content);
    await sink.endFile('whole');
  }

  /** Two blocks of zeros, then zeros to a full record of 10 KiB, as pax asks. */
  async end(totalBytes: number): Promise<void> {
    const recordBytes = 20 * tarBlockBytes;
    const atLeast = totalBytes + 2 * tarBlockBytes;
    await this.#out.write(zeros.subarray(0, Math.ceil(atLeast / recordBytes) * recordBytes - totalBytes));
  }
}

class EntrySink implements TreeSink {
  readonly #out: ByteSink;
  readonly #listing: Listing;
  #file: OpenFile | undefined;

  constructor(out: ByteSink, listing: Listing) {
    this.#out = out;
    this.#listing = listing;
  }

  begin(entry: TreeEntry): void | Promise<void> {
    if (this.#file !== undefined) throw new Error(`an entry begins before the one before it ended`);
    const { header, dataBytes } = encodeHeader(entry);
    if (entry.type === 'file') {
      this.#file = new OpenFile(entry, dataBytes);
      return this.#out.write(header);
    }
    return both(this.#out.write(header), this.#listing.add(entry, '', false));
  }

  window(): Uint8Array {
    const room = this.#out.window();
    const { missingBytes } = this.#open();
    return missingBytes < room.length ? room.subarray(0, missingBytes) : room;
  }

  filled(sizeBytes: number): void | Promise<void> {
    this.#open().take(this.#out.window().subarray(0, sizeBytes));
    return this.#out.filled(sizeBytes);
  }

  write(bytes: Uint8Array): void | Promise<void> {
    this.#open().take(bytes);
    return this.#out.write(bytes);
  }

  endFile(state: 'whole' | 'short' | 'changed'): void | Promise<void> {
    const file = this.#open();
    if (file.missingBytes > 0) {
      if (state !== 'short') throw new Error(`a file ends ${file.missingBytes} bytes before its announced size`);
      return this.#fillUp(file).then(() => this.#finish(file, true));
    }
    return this.#finish(file, state !== 'whole');
  }

  async #fillUp(file: OpenFile): Promise<void> {
    while (file.missingBytes > 0) await this.write(zeros.subarray(0, Math.min(zeros.length, file.missingBytes)));
  }

  #finish(file: OpenFile, damaged: boolean): void | Promise<void> {
    this.#file = undefined;
    const padding = paddingBytes(file.dataBytes);
    const padded = padding === 0 ? undefined : this.#out.write(zeros.subarray(0, padding));
    return both(padded, this.#listing.add(file.entry, file.sha256(), damaged));
  }

  #open(): OpenFile {
    if (this.#file === undefined) throw new Error('file content arrives outside a file');
    return this.#file;
  }
}

/** The common case of no waiting costs no promise. */
function both(first: void | Promise<void>, second: void | Promise<void>): void | Promise<void> {
  if (first === undefined) return second;
  if (second === undefined) return first;
  return Promise.all([first, second]).then(() => undefined);
}

/** A file whose bytes are arriving: counts and hashes them, holes read as zeros. */
class OpenFile {
  readonly entry: TreeEntry;
  readonly dataBytes: number;
  #taken = 0;
  #hash: Hash | undefined;
  #wholeSha256 = emptySha256;
  readonly #holes: HoleFiller | undefined;

  constructor(entry: TreeEntry, dataBytes: number) {
    this.entry = entry;
    this.dataBytes = dataBytes;
    this.#holes = entry.extents === undefined ? undefined : new HoleFiller(entry.extents, entry.sizeBytes);
  }

  get missingBytes(): number {
    return this.dataBytes - this.#taken;
  }

  take(bytes: Uint8Array): void {
    if (bytes.length > this.missingBytes) throw new Error('a file has more bytes than its announced size');
    const isWhole = bytes.length === this.dataBytes && this.#holes === undefined;
    if (isWhole) this.#wholeSha256 = hashAtOnce('sha256', bytes);
    else this.#update(bytes);
    this.#taken += bytes.length;
  }

  #update(bytes: Uint8Array): void {
    this.#hash ??= createHash('sha256');
    if (this.#holes === undefined) this.#hash.update(bytes);
    else for (const piece of this.#holes.filled(bytes)) this.#hash.update(piece);
  }

  sha256(): string {
    if (this.#holes !== undefined) {
      this.#hash ??= createHash('sha256');
      for (const piece of this.#holes.end()) this.#hash.update(piece);
    }
    return this.#hash === undefined ? this.#wholeSha256 : this.#hash.digest('hex');
  }
}
