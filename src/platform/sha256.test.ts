import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ParallelContentDigester } from './content-digester.ts';
import { Sha256 } from './sha256.ts';

const expected = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('Sha256', () => {
  it.each([
    ['nothing', 0, 1],
    ['little', 100_000, 7777],
    ['much, in large chunks', 40 << 20, 3_333_333],
    ['much, in small chunks', 20 << 20, 10_001],
    ['large and small chunks in turns', 10 << 20, 65_536],
  ])('gives the digest of %s', async (_what, sizeBytes, chunkBytes) => {
    const bytes = randomBytes(sizeBytes);
    const digest = new Sha256();
    for (let position = 0; position < sizeBytes; position += 2 * chunkBytes) {
      const first = digest.update(bytes.subarray(position, position + chunkBytes));
      // Given before the first was read: they are taken in order all the same.
      const second = digest.update(bytes.subarray(position + chunkBytes, position + 2 * chunkBytes));
      await Promise.all([first, second]);
    }
    expect(await digest.digest()).toBe(expected(bytes));
  });

  it('reads bytes until its promise resolves, and not after', async () => {
    const bytes = randomBytes(8 << 20);
    const reused = Buffer.alloc(1 << 20);
    const digest = new Sha256();
    for (let position = 0; position < bytes.length; position += reused.length) {
      bytes.copy(reused, 0, position);
      await digest.update(reused);
      reused.fill(0);
    }
    expect(await digest.digest()).toBe(expected(bytes));
  });
});

describe('ParallelContentDigester', () => {
  it('gives the digests of files that lie in blocks, also of those that go on in the next ones', async () => {
    const block = randomBytes(1 << 20);
    const sizes = [0, 10, 70_000, 300_000];
    const digester = new ParallelContentDigester();
    const found = sizes.map((sizeBytes) => ({ sizeBytes, digest: { sha256: undefined as string | undefined } }));
    let start = 0;
    const spans = found.map(({ sizeBytes, digest }) => ({ start, end: (start += sizeBytes), digest }));
    const long = { sha256: undefined as string | undefined };
    const taken = [
      digester.take(block, [...spans, { start, end: block.length, digest: null }]),
      digester.take(block, [{ start: 0, end: block.length, digest: null }]),
      digester.take(block, [{ start: 0, end: 0, digest: long }]),
    ];
    await digester.settle();
    await Promise.all(taken);
    for (const [index, { digest }] of found.entries())
      expect(digest.sha256).toBe(expected(block.subarray(spans[index]!.start, spans[index]!.end)));
    expect(long.sha256).toBe(expected(Buffer.concat([block.subarray(start), block])));
  });

  it('hashes hundreds of large files at once', async () => {
    const block = randomBytes(64 << 10);
    const digester = new ParallelContentDigester();
    const digests = Array.from({ length: 600 }, () => ({ sha256: undefined as string | undefined }));
    await digester.take(
      block,
      digests.map((digest) => ({ start: 0, end: block.length, digest })),
    );
    expect(new Set(digests.map(({ sha256 }) => sha256))).toEqual(new Set([expected(block)]));
  });
});
