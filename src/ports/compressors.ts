/**
 * Compression of single blocks on threads that are not the calling one: that goes on with something else. The bytes given,
 * and the memory for the result, are the call's until its promise settles.
 */
export interface Compressors {
  readonly deflate: Deflate;
  readonly zstd: Zstd;
}

/** Raw deflate streams (RFC 1951), each in one call, and the CRC-32 that gzip puts beside them. */
export interface Deflate {
  /** Compresses into `into`, which has room for the worst case; resolves to how many bytes that took. Level 0 stores. */
  deflate(bytes: Uint8Array, into: Uint8Array, level: number): Promise<number>;
  /** Inflates one stream that fills `into` exactly. Rejects with a plain Error when it is damaged or of another length. */
  inflate(bytes: Uint8Array, into: Uint8Array): Promise<void>;
  crc32(bytes: Uint8Array): Promise<number>;
}

/** Zstandard frames (RFC 8878), each in one call. */
export interface Zstd {
  /** Compresses into `into`, which has room for the worst case, a frame that tells its content's size; resolves to how many bytes that took. */
  compress(bytes: Uint8Array, into: Uint8Array, level: number): Promise<number>;
  /** Decompresses one frame that fills `into` exactly. Rejects with a plain Error when it is damaged or of another length. */
  decompress(frame: Uint8Array, into: Uint8Array): Promise<void>;
}
