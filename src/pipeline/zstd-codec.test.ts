import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadNodeZstd } from '../platform/node-zstd.ts';
import { zlibZstd } from '../platform/zlib-compressors.ts';
import type { Zstd } from '../ports/compressors.ts';
import { zstdCodec } from './zstd-codec.ts';

const nodeZstd = await loadNodeZstd();
const ways = [
  { name: 'called by way of streams', zstd: zlibZstd },
  ...(nodeZstd === undefined ? [] : [{ name: 'called directly', zstd: nodeZstd }]),
];
const { blockBytes } = zstdCodec(zlibZstd);
const text = Buffer.from(Array.from({ length: 120_000 }, (_, line) => `line ${line} of some text\n`).join('')).subarray(0, blockBytes);

async function frame(zstd: Zstd, block: Uint8Array): Promise<Buffer> {
  const codec = zstdCodec(zstd);
  const room = Buffer.alloc(codec.roomBytes(block.length));
  return room.subarray(0, await codec.encode(block, room, 3));
}

describe.each(ways)('zstd frames made by Node’s zstd, $name', ({ zstd }) => {
  const codec = zstdCodec(zstd);

  it('are read by zstd, and by Holdfast in either way', async () => {
    for (const block of [text, randomBytes(blockBytes), text.subarray(0, 1), Buffer.alloc(0), text.subarray(0, 70_000)]) {
      const made = await frame(zstd, block);
      expect(codec.frameLength(made)).toBe(made.length);
      expect(execFileSync('zstd', ['-dcq'], { input: made, maxBuffer: 1 << 24 }).equals(block)).toBe(true);
      for (const other of ways) expect(Buffer.from(await zstdCodec(other.zstd).decode(made)).equals(block)).toBe(true);
    }
  });

  it('are made and read many at once, each from its own block', async () => {
    const blocks = Array.from({ length: 12 }, (_, index) => Buffer.concat([Buffer.from([index]), text.subarray(index)]));
    const frames = await Promise.all(blocks.map((block) => frame(zstd, block)));
    const read = await Promise.all(frames.map((made) => codec.decode(made)));
    expect(read.map((block, index) => Buffer.from(block).equals(blocks[index]!))).not.toContain(false);
  });

  it('are refused when they are damaged, or hold another length than they say', async () => {
    const made = await frame(zstd, text);
    const cut = Uint8Array.from(made);
    cut.fill(0xff, made.length >> 1);
    await expect(codec.decode(cut)).rejects.toThrow();
    for (const difference of [-1, 1]) {
      const into = Buffer.alloc(text.length + difference);
      await expect(zstd.decompress(made, into), `${difference}`).rejects.toThrow();
    }
  });

  it('take the memory of what they hold, and no more, when they are read', async () => {
    const made = await frame(zstd, text);
    const before = process.memoryUsage().arrayBuffers;
    const blocks: Uint8Array[] = [];
    for (let count = 0; count < 16; count++) blocks.push(await codec.decode(made));
    const taken = process.memoryUsage().arrayBuffers - before;
    expect(taken).toBeLessThan(1.5 * blocks.length * text.length);
  });
});
