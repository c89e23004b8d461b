import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CompressionKind } from '../domain/manifest.ts';
import { BackgroundDigester } from '../platform/background-digester.ts';
import { decode } from './decoded-part.ts';
import { EncodedPart } from './encoded-part.ts';

const kinds: readonly { readonly kind: CompressionKind; readonly level: number; readonly tool: readonly [string, ...string[]] }[] = [
  { kind: 'none', level: 0, tool: ['cat'] },
  { kind: 'gzip', level: 4, tool: ['gzip', '-dc'] },
  { kind: 'zstd', level: 3, tool: ['zstd', '-dcq'] },
];

/** Text that compresses, then noise that does not, over several blocks. */
function mixedData(): Buffer {
  const text = Buffer.from(Array.from({ length: 400_000 }, (_, line) => `line ${line} of some text\n`).join(''));
  return Buffer.concat([text, randomBytes(5_000_000), text.subarray(0, 123_457)]);
}

async function encode(data: Uint8Array, options: { readonly kind: CompressionKind; readonly level: number; readonly chunkBytes?: number }) {
  const part = new EncodedPart({ compression: options, cipher: null, digester: new BackgroundDigester() });
  const chunks: Uint8Array[] = [];
  const taken = (async () => {
    for await (const chunk of part.body()) chunks.push(Uint8Array.from(chunk));
  })();
  const chunkBytes = options.chunkBytes ?? 1_234_567;
  for (let position = 0; position < data.length; position += chunkBytes)
    await part.sink.write(data.subarray(position, position + chunkBytes));
  await part.end();
  await taken;
  return { bytes: Buffer.concat(chunks), stored: await part.stored(), part };
}

async function* inChunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < bytes.length; position += chunkBytes) yield bytes.subarray(position, position + chunkBytes);
}

async function decodeAll(kind: CompressionKind, bytes: Uint8Array, chunkBytes = 100_003): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decode(kind, inChunks(bytes, chunkBytes))) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

describe.each(kinds)('a $kind part', ({ kind, level, tool }) => {
  const [program, ...args] = tool;

  it('is read by the standard tool and by our decoder, and its digest is that of the stored bytes', async () => {
    const data = mixedData();
    const { bytes, stored, part } = await encode(data, { kind, level });
    expect(part.sink.totalBytes).toBe(data.length);
    expect(stored).toEqual({ sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
    expect(execFileSync(program, args, { input: bytes, maxBuffer: 1 << 30 }).equals(data)).toBe(true);
    expect((await decodeAll(kind, bytes)).equals(data)).toBe(true);
  });

  it.each([0, 1, 255, 256, 65_535, 65_536, 1 << 20, (1 << 21) + 1])(
    'of %i bytes comes back, also of noise and in tiny chunks',
    async (sizeBytes) => {
      for (const data of [Buffer.alloc(sizeBytes, 'ab'), randomBytes(sizeBytes)]) {
        const { bytes } = await encode(data, { kind, level, chunkBytes: 100_000 });
        expect((await decodeAll(kind, bytes, Math.max(1, Math.ceil(bytes.length / 50)))).equals(data)).toBe(true);
        expect(execFileSync(program, args, { input: bytes, maxBuffer: 1 << 30 }).equals(data)).toBe(true);
      }
    },
  );

  it('stores what does not compress instead of growing it', async () => {
    const data = randomBytes(8 << 20);
    const { bytes } = await encode(data, { kind, level });
    expect(bytes.length).toBeLessThan(data.length * 1.001);
  });

  it('passes on the failure of its source to the store, and of the store to its source', async () => {
    const failing = new EncodedPart({ compression: { kind, level }, cipher: null, digester: new BackgroundDigester() });
    const reading = (async () => {
      for await (const _ of failing.body());
    })();
    await failing.sink.write(Buffer.alloc(10));
    failing.fail(new Error('the source broke'));
    await expect(reading).rejects.toThrow('the source broke');

    const rejected = new EncodedPart({ compression: { kind, level }, cipher: null, digester: new BackgroundDigester() });
    const store = rejected.body();
    const filling = (async () => {
      for (let block = 0; block < 100; block++) await rejected.sink.write(randomBytes(1 << 20));
    })();
    await store.next();
    await store.return();
    await expect(filling).rejects.toThrow(/stopped early/);
  });
});

describe('a part whose digest is behind when its source fails', () => {
  it('tells the failure of the source, not that the digest was given up', async () => {
    const { promise: discarded, reject } = Promise.withResolvers<never>();
    const begun = Promise.withResolvers<void>();
    const update = (): Promise<void> => {
      begun.resolve();
      return discarded;
    };
    const digester = { update, digest: () => discarded, discard: () => reject(new Error('the digest was discarded')) };
    const part = new EncodedPart({ compression: { kind: 'none', level: 0 }, cipher: null, digester });
    const reading = part.body().next();
    void part.sink.write(Buffer.alloc(1 << 20));
    await begun.promise;
    part.fail(new Error('the source broke'));
    await expect(reading).rejects.toThrow('the source broke');
  });
});

describe.each(kinds.filter(({ kind }) => kind !== 'none'))('a damaged $kind part', ({ kind, level }) => {
  it('is refused when it is cut', async () => {
    const { bytes } = await encode(mixedData(), { kind, level });
    for (const length of [1, 5, 30, 1000, bytes.length - 1]) await expect(decodeAll(kind, bytes.subarray(0, length))).rejects.toThrow();
  });
});

describe('a gzip part with a flipped byte', () => {
  it('is refused wherever in a member it is', async () => {
    const { bytes } = await encode(mixedData(), { kind: 'gzip', level: 4 });
    for (const position of [0, 13, 17, 40, 1000, bytes.length >> 1, bytes.length - 6]) {
      const damaged = Buffer.from(bytes);
      damaged[position]! ^= 0x10;
      await expect(decodeAll('gzip', damaged), `byte ${position}`).rejects.toThrow();
    }
  });
});
