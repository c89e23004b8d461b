import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Deflate } from '../ports/deflate.ts';
import { freeMemory } from './free-memory.ts';

/** zlib takes no smaller buffer, and allocates a second one when the first is filled to its last byte. */
const spareBytes = 64;

/** Node's own zlib, which allocates what it writes to: that is given back at once. */
export const zlibDeflate: Deflate = {
  deflate(bytes, into, level) {
    // With room for all of it, it comes in one piece.
    const deflated = deflateRawSync(bytes, { level, chunkSize: into.length + spareBytes, memLevel: 9 });
    into.set(deflated);
    const { length } = deflated;
    freeMemory(deflated);
    return length;
  },

  inflate(bytes, into) {
    const inflated = inflateRawSync(bytes, { chunkSize: into.length + spareBytes, maxOutputLength: Math.max(into.length, 1) });
    if (inflated.length !== into.length) throw new Error(`it holds ${inflated.length} bytes and says ${into.length}`);
    into.set(inflated);
    freeMemory(inflated);
  },

  crc32: (bytes) => crc32(bytes),
};
