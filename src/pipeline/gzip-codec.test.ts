import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadLibdeflate } from '../platform/libdeflate.ts';
import { zlibDeflate } from '../platform/zlib-compressors.ts';
import type { Deflate } from '../ports/compressors.ts';
import { gzipCodec } from './gzip-codec.ts';

const libdeflate = await loadLibdeflate();
const libraries = [
  { name: 'zlib', deflate: zlibDeflate },
  ...(libdeflate === undefined ? [] : [{ name: 'libdeflate', deflate: libdeflate }]),
];
const text = Buffer.from(Array.from({ length: 60_000 }, (_, line) => `line ${line} of some text\n`).join('')).subarray(0, 1 << 20);

async function member(deflate: Deflate, block: Uint8Array): Promise<Buffer> {
  const codec = gzipCodec(deflate);
  const room = Buffer.alloc(codec.roomBytes(block.length));
  return room.subarray(0, await codec.encode(block, room, 6));
}

describe.each(libraries)('gzip members made with $name', ({ deflate }) => {
  const codec = gzipCodec(deflate);

  it('are read by gzip, and by Holdfast with any of its libraries', async () => {
    for (const block of [text, randomBytes(1 << 20), text.subarray(0, 1), Buffer.alloc(0)]) {
      const made = await member(deflate, block);
      expect(codec.frameLength(made)).toBe(made.length);
      expect(execFileSync('gzip', ['-dc'], { input: made, maxBuffer: 1 << 24 }).equals(block)).toBe(true);
      for (const other of libraries) expect(Buffer.from(await gzipCodec(other.deflate).decode(made)).equals(block)).toBe(true);
    }
  });

  it('are made and read many at once, each from its own block', async () => {
    const blocks = Array.from({ length: 24 }, (_, index) => Buffer.concat([Buffer.from([index]), text.subarray(index)]));
    const members = await Promise.all(blocks.map((block) => member(deflate, block)));
    const read = await Promise.all(members.map((made) => codec.decode(made)));
    expect(read.map((block, index) => Buffer.from(block).equals(blocks[index]!))).not.toContain(false);
  });

  it('are refused with a wrong checksum, a wrong length, and damage', async () => {
    const made = await member(deflate, text);
    for (const position of [made.length - 8, made.length - 4, made.length >> 1]) {
      const damaged = Uint8Array.from(made);
      damaged[position]! ^= 1;
      await expect(codec.decode(damaged), `byte ${position}`).rejects.toThrow();
    }
  });
});
