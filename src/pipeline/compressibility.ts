import { deflateRawSync } from 'node:zlib';

const sampleBytes = 4096;
const sampleCount = 3;
/** Bits per byte above which deflate rarely gains anything; random bytes reach 7.95 in 4 KiB. */
const suspiciousEntropy = 7.5;
/** What a sample has that repeats nothing: a trial would only confirm it. Half a sample twice over has 7.91. */
const certainEntropy = 7.93;
const worthwhileRatio = 0.95;

/**
 * True when compressing this block would be wasted work: photos, videos, archives, encrypted data. Looks at three
 * 4 KiB samples: a byte histogram first (cheap), then, only when that looks random, a real level 1 compression.
 */
export function looksIncompressible(block: Uint8Array): boolean {
  if (block.length < sampleBytes * sampleCount * 2) return false;
  return sampleOffsets(block.length).every((offset) => isIncompressible(block.subarray(offset, offset + sampleBytes)));
}

function isIncompressible(sample: Uint8Array): boolean {
  const entropy = entropyBitsPerByte(sample);
  return entropy > certainEntropy || (entropy > suspiciousEntropy && shrinksTooLittle(sample));
}

/** What a block takes at most when it is compressed after all: noise grows a little. */
export function worstCaseBytes(sizeBytes: number): number {
  return sizeBytes + (sizeBytes >> 8) + 4096;
}

function sampleOffsets(sizeBytes: number): number[] {
  const last = sizeBytes - sampleBytes;
  return [Math.floor(last * 0.1), Math.floor(last * 0.5), Math.floor(last * 0.9)];
}

function shrinksTooLittle(sample: Uint8Array): boolean {
  return deflateRawSync(sample, { level: 1 }).length > sample.length * worthwhileRatio;
}

function entropyBitsPerByte(sample: Uint8Array): number {
  const counts = new Uint16Array(256);
  for (const byte of sample) counts[byte]! += 1;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= count * Math.log2(count / sample.length);
  return bits / sample.length;
}
