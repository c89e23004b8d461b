import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CompressionKind } from '../domain/manifest.ts';
import { systemCompressors } from '../platform/compressors.ts';
import { ParallelContentDigester } from '../platform/content-digester.ts';
import { Sha256 } from '../platform/sha256.ts';
import type { ContentDigest } from '../ports/digester.ts';
import { codecsOver } from './codecs.ts';
import { decode } from './decoded-part.ts';
import { EncodedPart } from './encoded-part.ts';

const codecs = codecsOver(systemCompressors());
const kinds: readonly { readonly kind: CompressionKind; readonly level: number; readonly tool: readonly [string, ...string[]] }[] = [
  { kind: 'none', level: 0, tool: ['cat'] },
  { kind: 'gzip', level: 4, tool: ['gzip', '-dc'] },
  { kind: 'zstd', level: 3, tool: ['zstd', '-dcq'] },
];

function openPart({ kind, level }: { readonly kind: CompressionKind; readonly level: number }): EncodedPart {
  const digesters = { digester: new Sha256(), contentDigester: new ParallelContentDigester() };
  return new EncodedPart({ codec: codecs[kind], level, cipher: null, ...digesters });
}

/** Text that compresses, then noise that does not, over several blocks. */
function mixedData(): Buffer {
  const text = Buffer.from(Array.from({ length: 400_000 }, (_, line) => `line ${line} of some text\n`).join(''));
  return Buffer.concat([text, randomBytes(5_000_000), text.subarray(0, 123_457)]);
}

async function encode(data: Uint8Array, options: { readonly kind: CompressionKind; readonly level: number; readonly chunkBytes?: number }) {
  const part = openPart(options);
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
  for await (const chunk of decode(codecs[kind], inChunks(bytes, chunkBytes))) chunks.push(Uint8Array.from(chunk));
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
    const failing = openPart({ kind, level });
    const reading = (async () => {
      for await (const _ of failing.body());
    })();
    await failing.sink.write(Buffer.alloc(10));
    failing.fail(new Error('the source broke'));
    await expect(reading).rejects.toThrow('the source broke');

    const rejected = openPart({ kind, level });
    const store = rejected.body();
    const filling = (async () => {
      for (let block = 0; block < 100; block++) await rejected.sink.write(randomBytes(1 << 20));
    })();
    await store.next();
    await store.return();
    await expect(filling).rejects.toThrow(/stopped early/);
  });
});

describe.each(kinds)('the content of files in a $kind part', ({ kind, level }) => {
  it('is hashed where it lies, whatever the sizes, and known when it is settled, also before the part ends', async () => {
    const part = openPart({ kind, level });
    const taken = (async () => {
      for await (const _ of part.body());
    })();
    const sizes = [0, 1, 1000, 65_535, 65_536, 1 << 20, 2 << 20, 0, 9_000_000, 3, (4 << 20) + 1, 100_000];
    const found: { readonly digest: ContentDigest; readonly expected: string }[] = [];
    for (const half of [sizes.slice(0, 6), sizes.slice(6)]) {
      for (const sizeBytes of half) {
        await part.sink.write(Buffer.alloc(1536, 'h'));
        const content = randomBytes(sizeBytes);
        part.sink.beginContent();
        for (let position = 0; position < sizeBytes; position += 700_001)
          await part.sink.write(content.subarray(position, position + 700_001));
        found.push({ digest: part.sink.endContent(), expected: createHash('sha256').update(content).digest('hex') });
      }
      await part.sink.settleContent();
      expect(found.map(({ digest }) => digest.sha256)).toEqual(found.map(({ expected }) => expected));
    }
    await part.end();
    await taken;
  });
});

describe('the sink of a part', () => {
  it('is done with the bytes when it returns, also with those for which it has to wait', async () => {
    const part = openPart({ kind: 'none', level: 0 });
    const chunks: Uint8Array[] = [];
    const data = randomBytes(12 << 20);
    const reused = Buffer.alloc(1_500_000);
    const filling = (async () => {
      for (let position = 0; position < data.length; position += reused.length) {
        const given = data.copy(reused, 0, position);
        const wait = part.sink.write(reused.subarray(0, given));
        reused.fill(0);
        await wait;
      }
      await part.end();
    })();
    for await (const chunk of part.body()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      chunks.push(Uint8Array.from(chunk));
    }
    await filling;
    expect(Buffer.concat(chunks).equals(data)).toBe(true);
  });
});

describe('a part whose files cannot be hashed', () => {
  it('fails for whoever writes it, and for its store', async () => {
    const broken = (): Promise<never> => Promise.reject(new Error('no hash'));
    const contentDigester = { take: broken, settle: broken };
    const part = new EncodedPart({ codec: codecs.zstd, level: 1, cipher: null, digester: new Sha256(), contentDigester });
    const reading = part.body().next();
    reading.catch(() => undefined);
    await part.sink.write(randomBytes(3 << 20));
    await expect(part.sink.settleContent()).rejects.toThrow('no hash');
    await expect(reading).rejects.toThrow('no hash');
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
