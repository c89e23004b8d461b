/**
 * Compresses a stream block by block, each block by itself, so that several can be worked on at once. The blocks'
 * outputs, put one after the other, are a valid file of the format for every standard tool.
 */
export interface Codec {
  /** File name extension with its dot; empty for none. */
  readonly extension: string;
  /** The tool that undoes it, writing to standard output; empty for none. */
  readonly decompressCommand: string;
  /** Bytes of input that make one block: larger compresses better and takes more memory. */
  readonly blockBytes: number;
  /** True when `encode` yields the very bytes it was given, so the block cannot be reused. */
  readonly passesThrough: boolean;
  /** In memory of its own. */
  encode(block: Uint8Array, level: number): Uint8Array;
  /** How many bytes the block at the start of `input` takes; undefined when more input is needed to tell. Throws when none starts here. */
  frameLength(input: Uint8Array): number | undefined;
  /** The block that a frame holds, in memory of its own. Throws when the frame is damaged. */
  decode(frame: Uint8Array): Uint8Array;
}
