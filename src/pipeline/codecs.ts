import type { CompressionKind } from '../domain/manifest.ts';
import type { Codec } from './codec.ts';
import { gzipCodec } from './gzip-codec.ts';
import { zstdCodec } from './zstd-codec.ts';

const noneCodec: Codec = {
  extension: '',
  decompressCommand: '',
  blockBytes: 1 << 20,
  passesThrough: true,
  encode: (block) => [block],
  frameLength: (input) => (input.length === 0 ? undefined : input.length),
  decode: (frame) => frame,
};

export const codecs: Readonly<Record<CompressionKind, Codec>> = { none: noneCodec, gzip: gzipCodec, zstd: zstdCodec };
