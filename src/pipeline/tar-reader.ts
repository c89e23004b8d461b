import type { Extent, TreeEntry } from '../domain/tree-entry.ts';
import { paddingBytes, tarBlockBytes } from './tar-format.ts';
import { decodeHeader, decodePaxRecords, toEntry } from './tar-header-reader.ts';

/** Takes what a tar archive holds, in order. A promise means: wait before the next call. */
export interface TarVisitor {
  begin(entry: TreeEntry): void | Promise<void>;
  /** Bytes of the file begun last; of a sparse file the data of its extents, one after the other. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** After the last byte of a file. */
  endFile(): void | Promise<void>;
}

const noRecords: ReadonlyMap<string, Buffer> = new Map();
const emptyBytes: Buffer = Buffer.alloc(0);
const header = { kind: 'header' } as const;
const padding = { kind: 'padding' } as const;
/** Headers and sparse maps are gathered in memory; nothing that Holdfast writes comes near this. */
const largestGathered = 64 << 20;

type State =
  | { readonly kind: 'header' }
  | { readonly kind: 'pax'; readonly sizeBytes: number }
  | { readonly kind: 'sparse-map'; readonly entry: TreeEntry; readonly dataBytes: number }
  | { readonly kind: 'data' }
  | { readonly kind: 'file-end' }
  | { readonly kind: 'padding' }
  | { readonly kind: 'end' };

/** A promise means: wait before the next step. */
type Wait = void | Promise<void>;

/**
 * Reads the tar archives that `TarWriter` writes. Push chunks of any size, await what it returns, then call `end`,
 * which throws when the archive stops short. Plain Errors say what is wrong.
 */
export class TarReader {
  readonly #visitor: TarVisitor;
  #state: State = header;
  #chunk: Buffer = emptyBytes;
  /** How much of the chunk was taken. */
  #position = 0;
  #pax: ReadonlyMap<string, Buffer> = noRecords;
  /** What earlier chunks held of a header, pax body or sparse map. */
  #gathered: Buffer = emptyBytes;
  #dataLeft = 0;
  #paddingLeft = 0;

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  /** Goes through most of a chunk without waiting: a promise for every step of every entry would cost more than the steps. */
  async push(chunk: Uint8Array): Promise<void> {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#position = 0;
    while (this.#position < chunk.length || this.#state.kind === 'file-end') {
      const wait = this.#step(this.#state);
      if (wait !== undefined) await wait;
    }
    this.#chunk = emptyBytes;
  }

  end(): void {
    if (this.#state.kind !== 'end') throw new Error('the tar archive stops before its end');
  }

  #step(state: State): Wait {
    switch (state.kind) {
      case 'header':
        return this.#takeHeader();
      case 'pax':
        return this.#takePax(state.sizeBytes);
      case 'sparse-map':
        return this.#takeSparseMap(state);
      case 'data':
        return this.#takeData();
      case 'file-end':
        this.#state = this.#paddingLeft === 0 ? header : padding;
        return this.#visitor.endFile();
      case 'padding':
        return this.#takePadding();
      case 'end':
        if (this.#next(this.#chunk.length).some((byte) => byte !== 0)) throw new Error('the tar archive goes on after its end');
    }
  }

  /** At most so many of the bytes that have arrived. */
  #next(mostBytes: number): Buffer {
    const bytes = this.#chunk.subarray(this.#position, this.#position + mostBytes);
    this.#position += bytes.length;
    return bytes;
  }

  /** So many bytes in one piece, valid until the next chunk; undefined until the last of them has arrived. */
  #whole(sizeBytes: number): Buffer | undefined {
    if (sizeBytes > largestGathered) throw new Error('a tar header is damaged');
    const piece = this.#next(sizeBytes - this.#gathered.length);
    if (piece.length === sizeBytes) return piece;
    this.#gathered = Buffer.concat([this.#gathered, piece]);
    if (this.#gathered.length < sizeBytes) return undefined;
    const whole = this.#gathered;
    this.#gathered = emptyBytes;
    return whole;
  }

  #takeHeader(): Wait {
    const block = this.#whole(tarBlockBytes);
    if (block === undefined) return;
    const raw = decodeHeader(block);
    if (raw === undefined) {
      this.#state = { kind: 'end' };
      return;
    }
    if (raw.typeFlag === 'x') {
      this.#state = { kind: 'pax', sizeBytes: raw.sizeBytes };
      return;
    }
    const { entry, dataBytes, isSparse } = toEntry(raw, this.#pax);
    this.#pax = noRecords;
    this.#paddingLeft = paddingBytes(dataBytes);
    if (!isSparse) return this.#beginEntry(entry, dataBytes);
    this.#state = { kind: 'sparse-map', entry, dataBytes };
  }

  #takePax(sizeBytes: number): void {
    const bytes = this.#whole(sizeBytes + paddingBytes(sizeBytes));
    if (bytes === undefined) return;
    // A copy, since the records are needed when this chunk may be gone.
    this.#pax = decodePaxRecords(Buffer.from(bytes.subarray(0, sizeBytes)));
    this.#state = header;
  }

  /** The map is whole when as many lines as its first line announces are there; more blocks are gathered until then. */
  #takeSparseMap({ entry, dataBytes }: Extract<State, { kind: 'sparse-map' }>): Wait {
    const bytes = this.#whole(Math.max(tarBlockBytes, Math.ceil((this.#gathered.length + 1) / tarBlockBytes) * tarBlockBytes));
    if (bytes === undefined) return;
    const extents = decodeSparseMap(bytes);
    if (extents !== undefined) return this.#beginEntry({ ...entry, extents }, dataBytes - bytes.length);
    this.#gathered = Buffer.from(bytes);
  }

  #beginEntry(entry: TreeEntry, dataBytes: number): Wait {
    this.#dataLeft = dataBytes;
    if (dataBytes > 0) this.#state = { kind: 'data' };
    else this.#state = entry.type === 'file' ? { kind: 'file-end' } : header;
    return this.#visitor.begin(entry);
  }

  #takeData(): Wait {
    const piece = this.#next(this.#dataLeft);
    this.#dataLeft -= piece.length;
    if (this.#dataLeft === 0) this.#state = { kind: 'file-end' };
    return this.#visitor.write(piece);
  }

  #takePadding(): void {
    this.#paddingLeft -= this.#next(this.#paddingLeft).length;
    if (this.#paddingLeft === 0) this.#state = header;
  }
}

function decodeSparseMap(bytes: Buffer): Extent[] | undefined {
  const lines = bytes.toString('latin1').split('\n');
  const numbers = lines.slice(0, -1).map(Number);
  const count = numbers[0];
  if (count === undefined || numbers.length < 1 + 2 * count) return undefined;
  const extents = Array.from({ length: count }, (_, index) => ({ offset: numbers[1 + 2 * index]!, sizeBytes: numbers[2 + 2 * index]! }));
  return extents.filter(({ sizeBytes }) => sizeBytes > 0);
}
