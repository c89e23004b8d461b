import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadLibdeflate } from '../platform/libdeflate.ts';
import { gzipCodec } from './gzip-codec.ts';
import { zlibDeflate } from './zlib-deflate.ts';

const libdeflate = await loadLibdeflate();
const libraries = [
  { name: 'zlib', deflate: zlibDeflate },
  ...(libdeflate === undefined ? [] : [{ name: 'libdeflate', deflate: libdeflate }]),
];
const text = Buffer.from(Array.from({ length: 60_000 }, (_, line) => `line ${line} of some text\n`).join('')).subarray(0, 1 << 20);

describe.each(libraries)('gzip members made with $name', ({ deflate }) => {
  const codec = gzipCodec(deflate);

  it('are read by gzip, and by Holdfast with any of its libraries', () => {
    for (const block of [text, randomBytes(1 << 20), text.subarray(0, 1), Buffer.alloc(0)]) {
      const member = codec.encode(block, 6);
      expect(codec.frameLength(member)).toBe(member.length);
      expect(execFileSync('gzip', ['-dc'], { input: member, maxBuffer: 1 << 24 }).equals(block)).toBe(true);
      for (const other of libraries) expect(Buffer.from(gzipCodec(other.deflate).decode(member)).equals(block)).toBe(true);
    }
  });

  it('have memory of their own, and take what they hold', () => {
    const first = codec.encode(text, 1);
    const copy = Buffer.from(first);
    const second = codec.encode(text.subarray(1000), 1);
    expect(copy.equals(first)).toBe(true);
    expect(second.buffer).not.toBe(first.buffer);
    expect(first.buffer.byteLength).toBe(first.length);
  });

  it('are refused with a wrong checksum, a wrong length, and damage', () => {
    const member = codec.encode(text, 6);
    for (const position of [member.length - 8, member.length - 4, member.length >> 1]) {
      const damaged = Uint8Array.from(member);
      damaged[position]! ^= 1;
      expect(() => codec.decode(damaged), `byte ${position}`).toThrow();
    }
  });
});
