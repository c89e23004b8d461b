import type { Extent, TreeEntry } from '../domain/tree-entry.ts';
import { decodeHeader, decodePaxRecords, paddingBytes, tarBlockBytes, toEntry } from './tar-format.ts';

/** Takes what a tar archive holds, in order. A promise means: wait before the next call. */
export interface TarVisitor {
  begin(entry: TreeEntry): void | Promise<void>;
  /** Bytes of the file begun last; of a sparse file the data of its extents, one after the other. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** After the last byte of a file. */
  endFile(): void | Promise<void>;
}

const noRecords: ReadonlyMap<string, Buffer> = new Map();
/** Headers and sparse maps are gathered in memory; nothing that Holdfast writes comes near this. */
const largestGathered = 64 << 20;

type State =
  | { readonly kind: 'header' }
  | { readonly kind: 'pax'; readonly sizeBytes: number }
  | { readonly kind: 'sparse-map'; readonly entry: TreeEntry; readonly dataBytes: number }
  | { readonly kind: 'data' }
  | { readonly kind: 'padding' }
  | { readonly kind: 'end' };

/**
 * Reads the tar archives that `TarWriter` writes. Push chunks of any size, await what it returns, then call `end`,
 * which throws when the archive stops short. Plain Errors say what is wrong.
 */
export class TarReader {
  readonly #visitor: TarVisitor;
  #state: State = { kind: 'header' };
  #pax: ReadonlyMap<string, Buffer> = noRecords;
  #gathered: Buffer = Buffer.alloc(0);
  #dataLeft = 0;
  #paddingLeft = 0;

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  async push(chunk: Uint8Array): Promise<void> {
    let position = 0;
    while (position < chunk.length) {
      const bytes = chunk.subarray(position);
      switch (this.#state.kind) {
        case 'data':
          position += await this.#takeData(bytes);
          break;
        case 'padding':
          position += this.#takePadding(bytes);
          break;
        case 'end':
          if (bytes.some((byte) => byte !== 0)) throw new Error('the tar archive goes on after its end');
          return;
        default:
          position += await this.#gather(bytes);
      }
    }
  }

  end(): void {
    if (this.#state.kind !== 'end') throw new Error('the tar archive stops before its end');
  }

  async #takeData(bytes: Uint8Array): Promise<number> {
    const piece = bytes.length > this.#dataLeft ? bytes.subarray(0, this.#dataLeft) : bytes;
    const wait = this.#visitor.write(piece);
    if (wait !== undefined) await wait;
    this.#dataLeft -= piece.length;
    if (this.#dataLeft === 0) await this.#endData();
    return piece.length;
  }

  #takePadding(bytes: Uint8Array): number {
    const skipped = Math.min(bytes.length, this.#paddingLeft);
    this.#paddingLeft -= skipped;
    if (this.#paddingLeft === 0) this.#state = { kind: 'header' };
    return skipped;
  }

  async #endData(): Promise<void> {
    const wait = this.#visitor.endFile();
    if (wait !== undefined) await wait;
    this.#state = { kind: this.#paddingLeft === 0 ? 'header' : 'padding' };
  }

  /** Collects one header, pax body or sparse map; returns how many bytes it used. */
  async #gather(bytes: Uint8Array): Promise<number> {
    const needed = this.#gatherBytes();
    if (needed > largestGathered) throw new Error('a tar header is damaged');
    const missing = needed - this.#gathered.length;
    const piece = bytes.subarray(0, missing);
    // A copy, since entries keep parts of it, and the chunk is ours only until the next is asked for.
    this.#gathered = this.#gathered.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#gathered, piece]);
    if (piece.length === missing) await this.#gatheredAll();
    return piece.length;
  }

  #gatherBytes(): number {
    if (this.#state.kind === 'pax') return this.#state.sizeBytes + paddingBytes(this.#state.sizeBytes);
    if (this.#state.kind === 'sparse-map')
      return Math.max(tarBlockBytes, Math.ceil((this.#gathered.length + 1) / tarBlockBytes) * tarBlockBytes);
    return tarBlockBytes;
  }

  async #gatheredAll(): Promise<void> {
    const bytes = this.#gathered;
    if (this.#state.kind === 'sparse-map') return await this.#takeSparseMap(bytes, this.#state);
    this.#gathered = Buffer.alloc(0);
    if (this.#state.kind === 'pax') {
      this.#pax = decodePaxRecords(Buffer.from(bytes.subarray(0, this.#state.sizeBytes)));
      this.#state = { kind: 'header' };
    } else {
      await this.#takeHeader(bytes);
    }
  }

  async #takeHeader(block: Buffer): Promise<void> {
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
    if (isSparse) this.#state = { kind: 'sparse-map', entry, dataBytes };
    else await this.#beginEntry(entry, dataBytes);
  }

  async #beginEntry(entry: TreeEntry, dataBytes: number): Promise<void> {
    const wait = this.#visitor.begin(entry);
    if (wait !== undefined) await wait;
    this.#dataLeft = dataBytes;
    if (dataBytes > 0) this.#state = { kind: 'data' };
    else if (entry.type === 'file') await this.#endData();
    else this.#state = { kind: 'header' };
  }

  /** The map is whole when as many lines as its first line announces are there; more blocks are gathered until then. */
  async #takeSparseMap(bytes: Buffer, state: { readonly entry: TreeEntry; readonly dataBytes: number }): Promise<void> {
    const extents = decodeSparseMap(bytes);
    if (extents === undefined) {
      this.#gathered = Buffer.from(bytes);
      return;
    }
    this.#gathered = Buffer.alloc(0);
    await this.#beginEntry({ ...state.entry, extents }, state.dataBytes - bytes.length);
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
