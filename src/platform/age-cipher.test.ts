import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, describe, expect, it } from 'vitest';
import { isHoldfastError } from '../domain/errors.ts';
import type { PlanEncryption } from '../domain/plan.ts';
import { Secret } from '../domain/secret.ts';
import type { Cipher } from '../ports/cipher.ts';
import { openAgeCipher } from './age-cipher.ts';

const directory = mkdtempSync(join(tmpdir(), 'age-cipher-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const identity = await generateIdentity();
const recipient = await identityToRecipient(identity);

function encryption(changes: Partial<PlanEncryption> = {}): PlanEncryption {
  return {
    kind: 'age',
    recipients: [recipient],
    passphrase: null,
    identities: [new Secret(`# created: today\n${identity}\n`, 'test')],
    ...changes,
  };
}

async function* chunksOf(bytes: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < bytes.length; position += sizeBytes) yield bytes.subarray(position, position + sizeBytes);
}

async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const seal = (cipher: Cipher, bytes: Uint8Array, chunkBytes = 300_000): Promise<Buffer> => all(cipher.encrypt(chunksOf(bytes, chunkBytes)));
const open = (cipher: Cipher, bytes: Uint8Array, chunkBytes = 100_000): Promise<Buffer> => all(cipher.decrypt(chunksOf(bytes, chunkBytes)));

describe('an age cipher', () => {
  it('encrypts to its recipients although a passphrase is at hand too, and opens older files by that', async () => {
    const both = openAgeCipher(encryption({ passphrase: new Secret('left in the environment', 'test') }));
    const plain = randomBytes(100);
    expect((await open(openAgeCipher(encryption()), await seal(both, plain))).equals(plain)).toBe(true);
    const older = await seal(
      openAgeCipher(encryption({ recipients: [], identities: [], passphrase: new Secret('left in the environment', 'test') })),
      plain,
    );
    expect((await open(both, older)).equals(plain)).toBe(true);
  });

  // Around the 64 KiB chunk of the format, where the last chunk is full, and one more.
  it.each([0, 1, 65_535, 65_536, 65_537, 131_072, 3_000_000])(
    'seals %i bytes so that the age program opens them, and opens what age sealed',
    async (sizeBytes) => {
      const cipher = openAgeCipher(encryption());
      const plain = randomBytes(sizeBytes);
      const key = join(directory, 'key.txt');
      writeFileSync(key, `${identity}\n`, { mode: 0o600 });
      const sealed = await seal(cipher, plain);
      expect(execFileSync('age', ['-d', '-i', key], { input: sealed, maxBuffer: 1 << 28 }).equals(plain)).toBe(true);
      expect((await open(cipher, sealed)).equals(plain)).toBe(true);
      const byAge = execFileSync('age', ['-r', recipient], { input: plain, maxBuffer: 1 << 28 });
      expect((await open(cipher, byAge, 777)).equals(plain)).toBe(true);
    },
  );

  it('seals each file with a key of its own', async () => {
    const cipher = openAgeCipher(encryption());
    const [first, second] = [await seal(cipher, Buffer.from('x')), await seal(cipher, Buffer.from('x'))];
    expect(first.equals(second)).toBe(false);
  });

  it('seals several files at once, each with its own key', async () => {
    const cipher = openAgeCipher(encryption());
    const plains = Array.from({ length: 8 }, (_, index) => Buffer.from(`file ${index}`));
    const sealed = await Promise.all(plains.map((plain) => seal(cipher, plain)));
    expect(await Promise.all(sealed.map((bytes) => open(cipher, bytes)))).toEqual(plains);
  });

  it('refuses bytes that were altered or cut short anywhere', async () => {
    const cipher = openAgeCipher(encryption());
    const sealed = await seal(cipher, randomBytes(200_000));
    for (const position of [sealed.length - 1, sealed.length >> 1, 300]) {
      const altered = Buffer.from(sealed);
      altered[position]! ^= 1;
      await expect(open(cipher, altered)).rejects.toThrow();
    }
    const chunk = 64 * 1024 + 16;
    for (const length of [10, 300, sealed.length - 1, sealed.length - chunk, sealed.length - (sealed.length % chunk)])
      await expect(open(cipher, sealed.subarray(0, length))).rejects.toThrow();
  });

  it('tells a wrong key from a damaged file, and both from a missing key', async () => {
    const sealed = await seal(openAgeCipher(encryption()), Buffer.from('x'));
    const other = openAgeCipher(encryption({ identities: [new Secret(await generateIdentity(), 'test')] }));
    await expect(open(other, sealed)).rejects.toSatisfy((error) => isHoldfastError(error, 'KEY_REJECTED'));
    const keyless = openAgeCipher(encryption({ identities: [] }));
    expect(keyless.canDecrypt).toBe(false);
    await expect(open(keyless, sealed)).rejects.toSatisfy((error) => isHoldfastError(error, 'KEY_MISSING'));
    await expect(open(other, Buffer.from('no age file at all'))).rejects.toSatisfy((error) => isHoldfastError(error, 'ARCHIVE_CORRUPT'));
  });

  it('closes what it reads from, whatever keeps it from the end', async () => {
    const cipher = openAgeCipher(encryption());
    const other = openAgeCipher(encryption({ identities: [new Secret(await generateIdentity(), 'test')] }));
    const sealed = await seal(cipher, randomBytes(1_000_000));
    const altered = Buffer.from(sealed);
    altered[1000]! ^= 1;
    const isClosedAfter = async (reader: Cipher, bytes: Uint8Array): Promise<boolean> => {
      let isClosed = false;
      const source = (async function* () {
        try {
          yield* chunksOf(bytes, 500_000);
        } finally {
          isClosed = true;
        }
      })();
      await expect(all(reader.decrypt(source))).rejects.toThrow();
      return isClosed;
    };
    expect(await isClosedAfter(other, sealed)).toBe(true);
    expect(await isClosedAfter(cipher, altered)).toBe(true);
  });

  it('refuses a recipient or identity that is none, without showing it', () => {
    expect(() => openAgeCipher(encryption({ recipients: ['age1nonsense'] }))).toThrow(/not an age public key/);
    const wrong = (): Cipher => openAgeCipher(encryption({ identities: [new Secret('AGE-SECRET-KEY-1NONSENSE', 'test')] }));
    expect(wrong).toThrow(/not an age secret key/);
    expect(wrong).not.toThrow(/NONSENSE/);
  });

  it('hands the failure of what it reads from through as it is', async () => {
    const cipher = openAgeCipher(encryption());
    const broken = (async function* () {
      yield Buffer.alloc(10);
      throw new Error('the source broke');
    })();
    await expect(all(cipher.encrypt(broken))).rejects.toThrow('the source broke');
  });
});
