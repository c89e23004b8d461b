import type { CompressionKind } from '../domain/manifest.ts';
import type { Compressors } from '../ports/compressors.ts';
import type { Codec, Format } from './codec.ts';
import { gzipCodec, gzipFormat } from './gzip-codec.ts';
import { zstdCodec, zstdFormat } from './zstd-codec.ts';

const noFormat: Format = {
  extension: '',
  decompressCommand: '',
  blockBytes: 1 << 20,
  passesThrough: true,
  frameLength: (input) => (input.length === 0 ? undefined : input.length),
};

const noCodec: Codec = {
  ...noFormat,
  roomBytes: () => 0,
  encode: async (block) => block.length,
  decode: async (frame) => frame,
};

export const formats: Readonly<Record<CompressionKind, Format>> = { none: noFormat, gzip: gzipFormat, zstd: zstdFormat };

export type Codecs = Readonly<Record<CompressionKind, Codec>>;

export function codecsOver({ deflate, zstd }: Compressors): Codecs {
  return { none: noCodec, gzip: gzipCodec(deflate), zstd: zstdCodec(zstd) };
}
