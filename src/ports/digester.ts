/** Computes one SHA-256 over bytes given in order. */
export interface Digester {
  /** The bytes must stay as they are until it resolves. Others may be given before. */
  update(bytes: Uint8Array): Promise<void>;
  /** Lower-case hex. Call it once, last. */
  digest(): Promise<string>;
}

/** The SHA-256 of a file's content, lower-case hex; known some time after its last byte was given. */
export interface ContentDigest {
  sha256: string | undefined;
}

/** A stretch of a block that belongs to one file. */
export interface ContentSpan {
  readonly start: number;
  readonly end: number;
  /** Where the file ends; null when it goes on with the first span of the next block that has any. */
  readonly digest: ContentDigest | null;
}

/** Computes the SHA-256 of every file in a stream of many, from the blocks that the stream was put in, in order. */
export interface ContentDigester {
  /** The block must stay as it is until it resolves. Others may be given before. */
  take(block: Uint8Array, spans: readonly ContentSpan[]): Promise<void>;
  /** When it resolves, the digests of all files that ended are known; it rejects when they never will be. */
  settle(): Promise<void>;
}
