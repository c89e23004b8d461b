import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { zlibDeflate } from './zlib-deflate.ts';
import { zstdCodec } from './zstd-codec.ts';

const codec = zstdCodec(zlibDeflate);
const text = Buffer.from(Array.from({ length: 120_000 }, (_, line) => `line ${line} of some text\n`).join('')).subarray(
  0,
  codec.blockBytes,
);

it('frames are read by zstd, and by Holdfast', () => {
  for (const block of [text, randomBytes(codec.blockBytes), text.subarray(0, 1), Buffer.alloc(0)]) {
    const frame = codec.encode(block, 3);
    expect(codec.frameLength(frame)).toBe(frame.length);
    expect(execFileSync('zstd', ['-dcq'], { input: frame, maxBuffer: 1 << 24 }).equals(block)).toBe(true);
    expect(Buffer.from(codec.decode(frame)).equals(block)).toBe(true);
  }
});

it('reading a frame takes the memory of what it holds, and no more', () => {
  const frame = codec.encode(text, 3);
  const before = process.memoryUsage().arrayBuffers;
  const blocks = Array.from({ length: 16 }, () => codec.decode(frame));
  const taken = process.memoryUsage().arrayBuffers - before;
  expect(taken).toBeLessThan(1.5 * blocks.length * text.length);
});
