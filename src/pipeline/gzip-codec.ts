import { crc32, gunzipSync, gzipSync } from 'node:zlib';
import type { Codec } from './codec.ts';
import { looksIncompressible } from './compressibility.ts';

/**
 * Each block is one gzip member (RFC 1952 section 2.2 lets a file be several). Its header carries an extra field `HF`
 * with the member's length, so that members can be found, and inflated in parallel, without inflating what precedes
 * them; `gzip`, `tar` and every other reader skip the field, as section 2.3.1.1 requires.
 */
const plainHeaderBytes = 10;
const extraFieldBytes = 10;
const headerBytes = plainHeaderBytes + extraFieldBytes;
const flagExtra = 4;
const trailerBytes = 8;
/** A member that claims more than this was not written here. */
const longestMember = 1 << 28;

export const gzipCodec: Codec = {
  extension: '.gz',
  decompressCommand: 'gunzip -c',
  blockBytes: 1 << 20,
  passesThrough: false,

  encode(block, level) {
    if (looksIncompressible(block)) return [storedMember(block)];
    // Room for the worst case, so that it comes in one piece.
    const member = gzipSync(block, { level, chunkSize: block.length + (block.length >> 8) + 4096, memLevel: 9 });
    return [headerWithLength(member), member.subarray(plainHeaderBytes)];
  },

  frameLength(input) {
    if (input.length < headerBytes) return undefined;
    const view = new DataView(input.buffer, input.byteOffset, input.length);
    const isOurs = view.getUint32(0) === 0x1f8b0804 && view.getUint16(10, true) === 8 && view.getUint16(12) === 0x4846;
    const length = isOurs ? view.getUint32(16, true) : 0;
    if (length < headerBytes + trailerBytes || length > longestMember) throw new Error('no gzip member of a known length starts here');
    return length;
  },

  decode(member) {
    const view = new DataView(member.buffer, member.byteOffset, member.length);
    const sizeBytes = view.getUint32(member.length - 4, true);
    return gunzipSync(member, { chunkSize: Math.min(Math.max(sizeBytes + 64, 4096), longestMember), maxOutputLength: sizeBytes || 1 });
  },
};

/** RFC 1951 section 3.2.4: the longest stored block. */
const longestStoredBlock = 65_535;
const storedHeaderBytes = 5;

/** A member whose deflate blocks are all stored: made by copying, since compressing would gain nothing. */
function storedMember(block: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(block.length / longestStoredBlock));
  const member = Buffer.allocUnsafeSlow(headerBytes + blocks * storedHeaderBytes + block.length + trailerBytes);
  writeHeader(member, member.length);
  let position = headerBytes;
  for (let index = 0; index < blocks; index++) {
    const piece = block.subarray(index * longestStoredBlock, (index + 1) * longestStoredBlock);
    member[position] = index === blocks - 1 ? 1 : 0;
    member.writeUInt16LE(piece.length, position + 1);
    member.writeUInt16LE(piece.length ^ 0xffff, position + 3);
    member.set(piece, position + storedHeaderBytes);
    position += storedHeaderBytes + piece.length;
  }
  member.writeUInt32LE(crc32(block), position);
  member.writeUInt32LE(block.length, position + 4);
  return member;
}

/** The header that replaces the member's own: the same, with the extra field. */
function headerWithLength(member: Buffer): Uint8Array {
  const header = Buffer.allocUnsafeSlow(headerBytes);
  writeHeader(header, member.length + extraFieldBytes);
  return header;
}

/** RFC 1952 section 2.3: no name, no time, made on Unix. */
function writeHeader(header: Buffer, memberBytes: number): void {
  header.fill(0, 0, headerBytes);
  header.writeUInt32BE(0x1f8b0800 | flagExtra, 0);
  header[9] = 3;
  header.writeUInt16LE(8, 10);
  header.write('HF', 12, 'latin1');
  header.writeUInt16LE(4, 14);
  header.writeUInt32LE(memberBytes, 16);
}
