import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BackgroundDigester } from './background-digester.ts';

describe('BackgroundDigester', () => {
  it.each([
    ['nothing', 0, 1],
    ['what is too little for a thread', 100_000, 7_777],
    ['just as much as starts a thread', (4 << 20) + 1, 1 << 20],
    ['a lot, in chunks larger than a slot', 40 << 20, 3_333_333],
    ['a lot, in small chunks', 20 << 20, 10_001],
  ])('gives the digest of %s', async (_what, sizeBytes, chunkBytes) => {
    const bytes = randomBytes(sizeBytes);
    const digester = new BackgroundDigester();
    // The buffer is reused after each call, as `Digester` allows.
    const reused = Buffer.alloc(chunkBytes);
    for (let position = 0; position < sizeBytes; position += chunkBytes) {
      const sizeOfChunk = bytes.copy(reused, 0, position, position + chunkBytes);
      await digester.update(reused.subarray(0, sizeOfChunk));
      reused.fill(0);
    }
    expect(await digester.digest()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('can be discarded at any moment', async () => {
    const digester = new BackgroundDigester();
    for (let index = 0; index < 20; index++) await digester.update(Buffer.alloc(1 << 20));
    digester.discard();
    new BackgroundDigester().discard();
    await expect(digester.digest()).rejects.toThrow(/discarded/);
  });

  it('starts no thread any more once it is discarded', () => {
    const digester = new BackgroundDigester();
    void digester.update(Buffer.alloc(1 << 20));
    digester.discard();
    // More than is hashed without a thread: one that began now would be ended by nobody.
    expect(() => digester.update(Buffer.alloc(4 << 20))).toThrow(/discarded/);
  });
});
