import type { Deflate } from '../ports/compressors.ts';
import type { Codec, Format } from './codec.ts';
import { looksIncompressible, worstCaseBytes } from './compressibility.ts';

/**
 * Each block is one gzip member (RFC 1952 section 2.2 lets a file be several). Its header carries an extra field `HF`
 * with the member's length, so that members can be found, and inflated in parallel, without inflating what precedes
 * them; `gzip`, `tar` and every other reader skip the field, as section 2.3.1.1 requires.
 */
const plainHeaderBytes = 10;
const extraFieldBytes = 10;
const headerBytes = plainHeaderBytes + extraFieldBytes;
const flagExtra = 4;
/** `HF` */
const extraFieldId = 0x4846;
const trailerBytes = 8;
/** A member that claims more than this was not written here. */
const longestMember = 1 << 28;

export const gzipFormat: Format = {
  extension: '.gz',
  decompressCommand: 'gunzip -c',
  blockBytes: 1 << 20,
  passesThrough: false,
  frameLength,
};

export function gzipCodec(deflate: Deflate): Codec {
  return {
    ...gzipFormat,
    roomBytes: worstCaseBytes,

    async encode(block, into, level) {
      const body = into.subarray(headerBytes, into.length - trailerBytes);
      const [bodyBytes, checksum] = await Promise.all([
        deflate.deflate(block, body, looksIncompressible(block) ? 0 : level),
        deflate.crc32(block),
      ]);
      const trailer = headerBytes + bodyBytes;
      const sizeBytes = trailer + trailerBytes;
      const view = new DataView(into.buffer, into.byteOffset, sizeBytes);
      writeHeader(view, sizeBytes);
      view.setUint32(trailer, checksum, true);
      view.setUint32(trailer + 4, block.length, true);
      return sizeBytes;
    },

    async decode(member) {
      const view = new DataView(member.buffer, member.byteOffset, member.length);
      const trailer = member.length - trailerBytes;
      const block = Buffer.allocUnsafeSlow(Math.min(view.getUint32(trailer + 4, true), longestMember));
      await deflate.inflate(member.subarray(headerBytes, trailer), block);
      if ((await deflate.crc32(block)) !== view.getUint32(trailer, true)) throw new Error('its checksum (CRC-32) is wrong');
      return block;
    },
  };
}

function frameLength(input: Uint8Array): number | undefined {
  if (input.length < headerBytes) return undefined;
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  const isOurs = view.getUint32(0) === 0x1f8b0804 && view.getUint16(10, true) === 8 && view.getUint16(12) === extraFieldId;
  const length = isOurs ? view.getUint32(16, true) : 0;
  if (length < headerBytes + trailerBytes || length > longestMember) throw new Error('no gzip member of a known length starts here');
  return length;
}

/** RFC 1952 section 2.3: deflate, an extra field, no time, no name, made on Unix; the field `HF` holds the member's length. */
function writeHeader(view: DataView, memberBytes: number): void {
  view.setUint32(0, 0x1f8b0800 | flagExtra);
  view.setUint32(4, 0);
  view.setUint16(8, 3);
  view.setUint16(10, 8, true);
  view.setUint16(12, extraFieldId);
  view.setUint16(14, 4, true);
  view.setUint32(16, memberBytes, true);
}
