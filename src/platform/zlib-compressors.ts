import { promisify } from 'node:util';
import { constants, crc32, deflateRaw, inflateRaw, zstdCompress, zstdDecompress } from 'node:zlib';
import type { Deflate, Zstd } from '../ports/compressors.ts';

const deflating = promisify(deflateRaw);
const inflating = promisify(inflateRaw);
const compressing = promisify(zstdCompress);
const decompressing = promisify(zstdDecompress);
/** zlib takes no smaller buffer, and allocates a second one when the first is filled to its last byte. */
const spareBytes = 64;

/** Node's own zlib, which allocates what it writes to. */
export const zlibDeflate: Deflate = {
  async deflate(bytes, into, level) {
    // With room for all of it, it comes in one piece.
    return moved(await deflating(bytes, { level, chunkSize: into.length + spareBytes, memLevel: 9 }), into);
  },

  async inflate(bytes, into) {
    filled(await inflating(bytes, { chunkSize: into.length + spareBytes, maxOutputLength: Math.max(into.length, 1) }), into);
  },

  crc32: async (bytes) => crc32(bytes),
};

/** Node's own zstd, by way of its streams. */
export const zlibZstd: Zstd = {
  async compress(bytes, into, level) {
    const params = { [constants.ZSTD_c_compressionLevel]: level };
    // With room for the worst case zstd compresses straight from one buffer into the other.
    return moved(await compressing(bytes, { chunkSize: into.length, pledgedSrcSize: bytes.length, params }), into);
  },

  async decompress(frame, into) {
    filled(await decompressing(frame, { chunkSize: into.length + spareBytes, maxOutputLength: Math.max(into.length, 1) }), into);
  },
};

function filled(bytes: Buffer, into: Uint8Array): void {
  if (bytes.length !== into.length) throw new Error(`it holds ${bytes.length} bytes and says ${into.length}`);
  moved(bytes, into);
}

/** Copies, and gives the memory behind `bytes` back at once: the garbage collector would mark the whole heap for it. */
function moved(bytes: Buffer, into: Uint8Array): number {
  const { length } = bytes;
  if (length > into.length) throw new Error(`${length} bytes do not fit into ${into.length}`);
  into.set(bytes);
  if (bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength > Buffer.poolSize) bytes.buffer.transfer(0);
  return length;
}
