/** Raw deflate streams (RFC 1951), each in one call, and the CRC-32 that gzip puts beside them. */
export interface Deflate {
  /** Compresses into `into`, which has room for the worst case; returns how many bytes that took. Level 0 stores. */
  deflate(bytes: Uint8Array, into: Uint8Array, level: number): number;
  /** Inflates one stream that fills `into` exactly. Throws a plain Error when it is damaged or of another length. */
  inflate(bytes: Uint8Array, into: Uint8Array): void;
  crc32(bytes: Uint8Array): number;
}
