import type { CompressionKind } from '../domain/manifest.ts';
import type { Deflate } from '../ports/deflate.ts';
import type { Codec } from './codec.ts';
import { gzipCodec } from './gzip-codec.ts';
import { zlibDeflate } from './zlib-deflate.ts';
import { zstdCodec } from './zstd-codec.ts';

const noneCodec: Codec = {
  extension: '',
  decompressCommand: '',
  blockBytes: 1 << 20,
  passesThrough: true,
  encode: (block) => block,
  frameLength: (input) => (input.length === 0 ? undefined : input.length),
  decode: (frame) => frame,
};

type Codecs = Readonly<Record<CompressionKind, Codec>>;

/** Codecs keep memory from one call to the next: each thread has its own. */
export function codecsOver(deflate: Deflate): Codecs {
  return { none: noneCodec, gzip: gzipCodec(deflate), zstd: zstdCodec(deflate) };
}

export const codecs = codecsOver(zlibDeflate);
