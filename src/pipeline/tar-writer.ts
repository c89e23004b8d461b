import { createHash } from 'node:crypto';
import type { Extent, TreeEntry } from '../domain/tree-entry.ts';
import type { ContentDigest } from '../ports/digester.ts';
import type { TreeSink } from '../ports/source.ts';
import type { ContentSink } from './block-assembler.ts';
import type { ListingWriter } from './contents-listing.ts';
import { HoleFiller } from './hole-filler.ts';
import { paddingBytes, tarBlockBytes } from './tar-format.ts';
import { HeaderWriter } from './tar-header-writer.ts';

const zeros = Buffer.alloc(64 * 1024);

/** Where an entry goes when its last byte was taken. */
type Listing = Pick<ListingWriter, 'add'>;

/**
 * Writes a tar archive: entries in the order given. `tree` gives the sink that a source fills; several may be used one
 * after the other. The digests that its listing is given are known once `out` has settled them.
 */
export class TarWriter {
  readonly #out: ContentSink;
  readonly #headers = new HeaderWriter();

  constructor(out: ContentSink) {
    this.#out = out;
  }

  tree(listing: Listing): TreeSink {
    return new EntrySink(this.#out, this.#headers, listing);
  }

  /** A whole regular file that is in memory already. */
  async file(entry: TreeEntry, content: Uint8Array): Promise<void> {
    const { header, dataBytes } = this.#headers.write({ ...entry, type: 'file', sizeBytes: content.length });
    await this.#out.write(header);
    await this.#out.write(content);
    await this.#out.write(zeros.subarray(0, paddingBytes(dataBytes)));
  }

  /** Two blocks of zeros, then zeros to a full record of 10 KiB, as pax asks. */
  async end(totalBytes: number): Promise<void> {
    const recordBytes = 20 * tarBlockBytes;
    const atLeast = totalBytes + 2 * tarBlockBytes;
    await this.#out.write(zeros.subarray(0, Math.ceil(atLeast / recordBytes) * recordBytes - totalBytes));
  }
}

class EntrySink implements TreeSink {
  readonly #out: ContentSink;
  readonly #headers: HeaderWriter;
  readonly #listing: Listing;
  #file: OpenFile | undefined;

  constructor(out: ContentSink, headers: HeaderWriter, listing: Listing) {
    this.#out = out;
    this.#headers = headers;
    this.#listing = listing;
  }

  begin(entry: TreeEntry): void | Promise<void> {
    if (this.#file !== undefined) throw new Error(`an entry begins before the one before it ended`);
    const { header, dataBytes } = this.#headers.write(entry);
    const written = this.#out.write(header);
    if (entry.type !== 'file') return both(written, this.#listing.add(entry, null, false));
    this.#file = new OpenFile(entry, dataBytes);
    if (entry.extents !== undefined) return written;
    if (written === undefined) return this.#out.beginContent();
    return written.then(() => this.#out.beginContent());
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
    const digest = file.holes === undefined ? this.#out.endContent() : file.holes.digest();
    const padding = paddingBytes(file.dataBytes);
    const padded = padding === 0 ? undefined : this.#out.write(zeros.subarray(0, padding));
    return both(padded, this.#listing.add(file.entry, digest, damaged));
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

/** A file whose bytes are arriving. */
class OpenFile {
  readonly entry: TreeEntry;
  readonly dataBytes: number;
  /** What hashes a file with holes; any other is hashed where it lies in the archive. */
  readonly holes: SparseHasher | undefined;
  #taken = 0;

  constructor(entry: TreeEntry, dataBytes: number) {
    this.entry = entry;
    this.dataBytes = dataBytes;
    this.holes = entry.extents === undefined ? undefined : new SparseHasher(entry.extents, entry.sizeBytes);
  }

  get missingBytes(): number {
    return this.dataBytes - this.#taken;
  }

  take(bytes: Uint8Array): void {
    if (bytes.length > this.missingBytes) throw new Error('a file has more bytes than its announced size');
    this.holes?.update(bytes);
    this.#taken += bytes.length;
  }
}

/** Hashes a file of whose bytes only the data travels: its holes are read as zeros. */
class SparseHasher {
  readonly #hash = createHash('sha256');
  readonly #holes: HoleFiller;

  constructor(extents: readonly Extent[], sizeBytes: number) {
    this.#holes = new HoleFiller(extents, sizeBytes);
  }

  update(data: Uint8Array): void {
    for (const piece of this.#holes.filled(data)) this.#hash.update(piece);
  }

  digest(): ContentDigest {
    for (const piece of this.#holes.end()) this.#hash.update(piece);
    return { sha256: this.#hash.digest('hex') };
  }
}
