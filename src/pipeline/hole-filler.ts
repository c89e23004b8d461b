import type { Extent } from '../domain/tree-entry.ts';

const zeros = Buffer.alloc(1 << 16);

/** Puts a sparse file's holes between its data, as a reader of the file would see them: zeros, piece by piece. */
export class HoleFiller {
  readonly #extents: readonly Extent[];
  readonly #sizeBytes: number;
  #index = 0;
  #position = 0;

  constructor(extents: readonly Extent[], sizeBytes: number) {
    this.#extents = extents;
    this.#sizeBytes = sizeBytes;
  }

  /** The next data of the extents, and the holes in front of it. Throws a plain Error for more than the extents have. */
  *filled(data: Uint8Array): Generator<Uint8Array, void, undefined> {
    let rest = data;
    while (rest.length > 0) {
      const extent = this.#extents[this.#index];
      if (extent === undefined) throw new Error('a sparse file has more data than its extents');
      yield* this.#zerosTo(extent.offset);
      const piece = rest.subarray(0, extent.offset + extent.sizeBytes - this.#position);
      this.#position += piece.length;
      rest = rest.subarray(piece.length);
      if (this.#position === extent.offset + extent.sizeBytes) this.#index += 1;
      yield piece;
    }
  }

  /** The hole behind the last data. */
  end(): Generator<Uint8Array, void, undefined> {
    return this.#zerosTo(this.#sizeBytes);
  }

  *#zerosTo(offset: number): Generator<Uint8Array, void, undefined> {
    while (this.#position < offset) {
      const piece = zeros.subarray(0, offset - this.#position);
      this.#position += piece.length;
      yield piece;
    }
  }
}
