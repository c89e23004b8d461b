import { expect, it } from 'vitest';
import { zlibDeflate } from './zlib-deflate.ts';

it('blocks are packed and unpacked without leaving memory behind', () => {
  const block = Buffer.from(Array.from({ length: 60_000 }, (_, line) => `line ${line} of some text\n`).join('')).subarray(0, 1 << 20);
  const packed = Buffer.alloc(block.length);
  const unpacked = Buffer.alloc(block.length);
  const before = process.memoryUsage().arrayBuffers;
  for (let round = 0; round < 16; round++) zlibDeflate.inflate(packed.subarray(0, zlibDeflate.deflate(block, packed, 1)), unpacked);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(block.length);
  expect(unpacked.equals(block)).toBe(true);
});
