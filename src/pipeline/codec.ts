/** What stands in a file of blocks, each compressed by itself, one after the other: a valid file of the format for every standard tool. */
export interface Format {
  /** File name extension with its dot; empty for none. */
  readonly extension: string;
  /** The tool that undoes it, writing to standard output; empty for none. */
  readonly decompressCommand: string;
  /** Bytes of input that make one block: larger compresses better and takes more memory. */
  readonly blockBytes: number;
  /** True when a block is its own encoding. */
  readonly passesThrough: boolean;
  /** How many bytes the block at the start of `input` takes; undefined when more input is needed to tell. Throws when none starts here. */
  frameLength(input: Uint8Array): number | undefined;
}

/** Compresses block by block, so that several can be worked on at once. */
export interface Codec extends Format {
  /** Bytes of memory that encoding a block of this size takes at most. */
  roomBytes(sizeBytes: number): number;
  /** Encodes into `into`, which has that room; resolves to how many bytes it took. Both are its own until then. */
  encode(block: Uint8Array, into: Uint8Array, level: number): Promise<number>;
  /** The block that a frame holds, in memory of its own. Rejects when the frame is damaged. */
  decode(frame: Uint8Array): Promise<Uint8Array>;
}
