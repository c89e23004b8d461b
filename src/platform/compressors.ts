import type { Compressors, Deflate, Zstd } from '../ports/compressors.ts';
import { loadLibdeflate } from './libdeflate.ts';
import { loadNodeZstd } from './node-zstd.ts';
import { zlibDeflate, zlibZstd } from './zlib-compressors.ts';

/** The fastest that this system has, looked for when the first block comes. */
export function systemCompressors(): Compressors {
  let deflate: Promise<Deflate> | undefined;
  let zstd: Promise<Zstd> | undefined;
  const ofDeflate = (): Promise<Deflate> => (deflate ??= loadLibdeflate().then((loaded) => loaded ?? zlibDeflate));
  const ofZstd = (): Promise<Zstd> => (zstd ??= loadNodeZstd().then((loaded) => loaded ?? zlibZstd));
  return {
    deflate: {
      deflate: async (bytes, into, level) => await (await ofDeflate()).deflate(bytes, into, level),
      inflate: async (bytes, into) => await (await ofDeflate()).inflate(bytes, into),
      crc32: async (bytes) => await (await ofDeflate()).crc32(bytes),
    },
    zstd: {
      compress: async (bytes, into, level) => await (await ofZstd()).compress(bytes, into, level),
      decompress: async (frame, into) => await (await ofZstd()).decompress(frame, into),
    },
  };
}
