import { randomBytes } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Deflate } from '../ports/deflate.ts';
import { loadLibdeflate } from './libdeflate.ts';

const isInstalled = existsSync('/usr/lib/libdeflate.so.0') || globSync('/usr/lib/*/libdeflate.so.0').length > 0;
const text = Buffer.from(Array.from({ length: 40_000 }, (_, line) => `line ${line} of some text\n`).join(''));

async function installed(): Promise<Deflate> {
  const library = await loadLibdeflate();
  if (library === undefined) throw new Error('libdeflate is installed and was not loaded');
  return library;
}

describe.runIf(isInstalled)('libdeflate (Debian: libdeflate0)', () => {
  it.each([0, 1, 6, 9])('makes at level %i what zlib reads, also from memory that threads share', async (level) => {
    const library = await installed();
    const shared = new Uint8Array(new SharedArrayBuffer(text.length));
    shared.set(text);
    for (const bytes of [text, shared, randomBytes(70_000), Buffer.alloc(1), Buffer.alloc(0)]) {
      const into = Buffer.alloc(bytes.length + 5000);
      const deflated = into.subarray(0, library.deflate(bytes, into, level));
      expect(inflateRawSync(deflated).equals(bytes)).toBe(true);
    }
  });

  it('reads what zlib made', async () => {
    const library = await installed();
    for (const bytes of [text, randomBytes(70_000), Buffer.alloc(0)]) {
      const into = Buffer.alloc(bytes.length);
      library.inflate(deflateRawSync(bytes), into);
      expect(into.equals(bytes)).toBe(true);
    }
  });

  it('counts the same CRC-32', async () => {
    expect((await installed()).crc32(text)).toBe(crc32(text));
  });

  it('refuses what is damaged, and what is shorter or longer than it should be', async () => {
    const library = await installed();
    const deflated = deflateRawSync(text);
    expect(() => library.inflate(deflated.subarray(0, -20), Buffer.alloc(text.length))).toThrow('is damaged');
    expect(() => library.inflate(randomBytes(1000).fill(0xff, 0, 1), Buffer.alloc(text.length))).toThrow('is damaged');
    for (const difference of [-1, 1])
      expect(() => library.inflate(deflated, Buffer.alloc(text.length + difference))).toThrow('is of another length than it says');
  });

  it('says so when there is no room', async () => {
    const library = await installed();
    expect(() => library.deflate(randomBytes(1000), Buffer.alloc(100), 6)).toThrow('1000 bytes do not fit into 100 when compressed');
  });
});
