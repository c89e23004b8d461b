import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Deflate } from '../ports/deflate.ts';

/** Node's own zlib. */
export const zlibDeflate: Deflate = {
  deflate(bytes, into, level) {
    // With room for all of it, it comes in one piece.
    const deflated = deflateRawSync(bytes, { level, chunkSize: Math.max(into.length, 64), memLevel: 9 });
    into.set(deflated);
    return deflated.length;
  },

  inflate(bytes, into) {
    const inflated = inflateRawSync(bytes, { chunkSize: Math.max(into.length, 64), maxOutputLength: Math.max(into.length, 1) });
    if (inflated.length !== into.length) throw new Error(`it holds ${inflated.length} bytes and says ${into.length}`);
    into.set(inflated);
  },

  crc32: (bytes) => crc32(bytes),
};
