import type { Deflate } from '../ports/deflate.ts';
import type { Codec } from './codec.ts';
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

const blockBytes = 1 << 20;

export function gzipCodec(deflate: Deflate): Codec {
  let scratch: Uint8Array | undefined;
  return {
    extension: '.gz',
    decompressCommand: 'gunzip -c',
    blockBytes,
    passesThrough: false,

    encode(block, level) {
      const stores = looksIncompressible(block, deflate);
      // What is stored fills its buffer; what shrinks leaves most of one empty, so that one serves them all.
      const member = stores || block.length > blockBytes ? roomFor(block.length) : (scratch ??= roomFor(blockBytes));
      const sizeBytes = writeMember(block, member, { deflate, level: stores ? 0 : level });
      return stores ? member.subarray(0, sizeBytes) : new Uint8Array(member.subarray(0, sizeBytes));
    },

    frameLength,

    decode(member) {
      const view = new DataView(member.buffer, member.byteOffset, member.length);
      const trailer = member.length - trailerBytes;
      const block = Buffer.allocUnsafeSlow(Math.min(view.getUint32(trailer + 4, true), longestMember));
      deflate.inflate(member.subarray(headerBytes, trailer), block);
      if (deflate.crc32(block) !== view.getUint32(trailer, true)) throw new Error('its checksum (CRC-32) is wrong');
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

function roomFor(sizeBytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(worstCaseBytes(sizeBytes));
}

/** Returns the length of the member, which stands at the start of `into`. */
function writeMember(
  block: Uint8Array,
  into: Uint8Array,
  { deflate, level }: { readonly deflate: Deflate; readonly level: number },
): number {
  const trailer = headerBytes + deflate.deflate(block, into.subarray(headerBytes, into.length - trailerBytes), level);
  const sizeBytes = trailer + trailerBytes;
  const view = new DataView(into.buffer, into.byteOffset, sizeBytes);
  writeHeader(view, sizeBytes);
  view.setUint32(trailer, deflate.crc32(block), true);
  view.setUint32(trailer + 4, block.length, true);
  return sizeBytes;
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
