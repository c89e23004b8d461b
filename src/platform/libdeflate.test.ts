import { randomBytes } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Deflate } from '../ports/compressors.ts';
import { loadLibdeflate } from './libdeflate.ts';
import { zlibDeflate } from './zlib-compressors.ts';

const isInstalled = existsSync('/usr/lib/libdeflate.so.0') || globSync('/usr/lib/*/libdeflate.so.0').length > 0;
const text = Buffer.from(Array.from({ length: 40_000 }, (_, line) => `line ${line} of some text\n`).join(''));

describe.runIf(isInstalled)('libdeflate (Debian: libdeflate0)', () => {
  it('is loaded where it is installed, and leaves no memory behind', async () => {
    const library = await loadLibdeflate();
    if (library === undefined) throw new Error('libdeflate is installed and was not loaded');
    const block = text.subarray(0, 1 << 20);
    const packed = Buffer.alloc(block.length);
    const unpacked = Buffer.alloc(block.length);
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 16; round++) await library.inflate(packed.subarray(0, await library.deflate(block, packed, 1)), unpacked);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(block.length);
    expect(unpacked.equals(block)).toBe(true);
  });
});

const libdeflate = await loadLibdeflate();
const libraries: { readonly name: string; readonly library: Deflate }[] = [
  { name: 'zlib', library: zlibDeflate },
  ...(libdeflate === undefined ? [] : [{ name: 'libdeflate', library: libdeflate }]),
];

describe.each(libraries)('deflate with $name', ({ library }) => {
  it.each([0, 1, 6, 9])('makes at level %i what zlib reads', async (level) => {
    for (const bytes of [text, randomBytes(70_000), Buffer.alloc(1), Buffer.alloc(0)]) {
      const into = Buffer.alloc(bytes.length + 5000);
      const deflated = into.subarray(0, await library.deflate(bytes, into, level));
      expect(inflateRawSync(deflated).equals(bytes)).toBe(true);
    }
  });

  it('reads what zlib made', async () => {
    for (const bytes of [text, randomBytes(70_000), Buffer.alloc(0)]) {
      const into = Buffer.alloc(bytes.length);
      await library.inflate(deflateRawSync(bytes), into);
      expect(into.equals(bytes)).toBe(true);
    }
  });

  it('counts the same CRC-32', async () => {
    expect(await library.crc32(text)).toBe(crc32(text));
  });

  it('refuses what is damaged, and what is shorter or longer than it should be', async () => {
    const deflated = deflateRawSync(text);
    await expect(library.inflate(deflated.subarray(0, -20), Buffer.alloc(text.length))).rejects.toThrow();
    await expect(library.inflate(randomBytes(1000).fill(0xff, 0, 1), Buffer.alloc(text.length))).rejects.toThrow();
    for (const difference of [-1, 1]) await expect(library.inflate(deflated, Buffer.alloc(text.length + difference))).rejects.toThrow();
  });

  it('says so when there is no room', async () => {
    await expect(library.deflate(randomBytes(1000), Buffer.alloc(100), 6)).rejects.toThrow(/bytes do not fit into 100/);
  });
});
