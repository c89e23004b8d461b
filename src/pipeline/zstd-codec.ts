import type { Zstd } from '../ports/compressors.ts';
import type { Codec, Format } from './codec.ts';
import { looksIncompressible, worstCaseBytes } from './compressibility.ts';

/** RFC 8878 section 3.1.1: a file may be any number of frames, one after the other. Each block is one. */
const magic = 0xfd2fb528;
const blockHeaderBytes = 3;
/** Section 3.1.1.2.4: no block holds more than 128 KiB. */
const largestRawBlock = 128 * 1024;
const longestFrame = 1 << 28;

export const zstdFormat: Format = {
  extension: '.zst',
  decompressCommand: 'zstd -dc',
  blockBytes: 2 << 20,
  passesThrough: false,
  frameLength,
};

export function zstdCodec(zstd: Zstd): Codec {
  return {
    ...zstdFormat,
    roomBytes: worstCaseBytes,

    async encode(block, into, level) {
      return looksIncompressible(block) ? writeRawFrame(block, into) : await zstd.compress(block, into, level);
    },

    async decode(frame) {
      const sizeBytes = contentSize(frame);
      if (sizeBytes === undefined || sizeBytes > longestFrame) throw new Error('a zstd frame does not tell the size of its content');
      const block = Buffer.allocUnsafeSlow(sizeBytes);
      await zstd.decompress(frame, block);
      return block;
    },
  };
}

/** Section 3.1.1: magic, frame header, blocks until the one marked last, and a checksum when the header says so. */
function frameLength(input: Uint8Array): number | undefined {
  if (input.length < 6) return undefined;
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  if (view.getUint32(0, true) !== magic) throw new Error('no zstd frame starts here');
  const descriptor = input[4]!;
  let position = 5 + headerFieldBytes(descriptor);
  for (;;) {
    if (position + blockHeaderBytes > input.length) return undefined;
    const header = input[position]! | (input[position + 1]! << 8) | (input[position + 2]! << 16);
    const type = (header >> 1) & 3;
    // An RLE block (type 1) stores one byte whatever its size says.
    position += blockHeaderBytes + (type === 1 ? 1 : header >> 3);
    if (type === 3 || position > longestFrame) throw new Error('the zstd frame is damaged');
    if ((header & 1) === 1) return position + ((descriptor & 4) === 0 ? 0 : 4);
  }
}

/** Section 3.1.1.1: bytes of window descriptor, dictionary id and content size. */
function headerFieldBytes(descriptor: number): number {
  const singleSegment = (descriptor >> 5) & 1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  return 1 - singleSegment + dictionaryBytes + contentSizeBytes(descriptor);
}

function contentSizeBytes(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 ? (descriptor >> 5) & 1 : 1 << flag;
}

function contentSize(frame: Uint8Array): number | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const descriptor = frame[4]!;
  const sizeBytes = contentSizeBytes(descriptor);
  const position = 5 + headerFieldBytes(descriptor) - sizeBytes;
  switch (sizeBytes) {
    case 1:
      return view.getUint8(position);
    case 2:
      return view.getUint16(position, true) + 256;
    case 4:
      return view.getUint32(position, true);
    default:
      return undefined;
  }
}

/** A frame of stored blocks: single segment, 4-byte content size, no checksum (the manifest has a SHA-256). Returns its length. */
function writeRawFrame(block: Uint8Array, into: Uint8Array): number {
  const blocks = Math.max(1, Math.ceil(block.length / largestRawBlock));
  const frame = Buffer.from(into.buffer, into.byteOffset, into.length);
  frame.writeUInt32LE(magic, 0);
  frame[4] = 0b1010_0000;
  frame.writeUInt32LE(block.length, 5);
  let position = 9;
  for (let index = 0; index < blocks; index++) {
    const piece = block.subarray(index * largestRawBlock, (index + 1) * largestRawBlock);
    const isLast = index === blocks - 1 ? 1 : 0;
    frame.writeUIntLE((piece.length << 3) | isLast, position, blockHeaderBytes);
    frame.set(piece, position + blockHeaderBytes);
    position += blockHeaderBytes + piece.length;
  }
  return position;
}
