import { spawn } from 'node:child_process';
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { Secret } from '../domain/secret.ts';
import type { Cipher } from '../ports/cipher.ts';
import { openAgeCipher } from './age-cipher.ts';

const directory = mkdtempSync(join(tmpdir(), 'age-passphrase-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const words = 'correct horse – bättery';

function cipherOf(passphrase: string): Cipher {
  return openAgeCipher({ kind: 'age', recipients: [], identities: [], passphrase: new Secret(passphrase, 'test') });
}

async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* inOneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const seal = (bytes: Uint8Array, passphrase = words): Promise<Buffer> => all(cipherOf(passphrase).encrypt(inOneChunk(bytes)));
const open = (bytes: Uint8Array, passphrase = words): Promise<Buffer> => all(cipherOf(passphrase).decrypt(inOneChunk(bytes)));

/** The age program takes a passphrase from a terminal only, here as script(1) makes one. */
async function age(args: readonly string[], prompts: readonly string[]): Promise<void> {
  const command = ['age', ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    env: { ...process.env, SHELL: '/bin/sh' },
  });
  const waiting = [...prompts];
  let screen = '';
  let seen = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    const found = waiting.length === 0 ? -1 : screen.indexOf(waiting[0]!, seen);
    if (found < 0) return;
    waiting.shift();
    seen = screen.length;
    child.stdin.write(`${words}\n`);
  });
  const [status] = (await once(child, 'close')) as [number];
  expect(status, screen).toBe(0);
}

/** How many times scrypt was worked out, outside the main thread, while `work` ran. */
async function countScrypt(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({ init: (_id, type) => void (count += type === 'SCRYPTREQUEST' ? 1 : 0) });
  hook.enable();
  await work();
  hook.disable();
  return count;
}

/** The file with another line for its passphrase. */
function withStanza(sealed: Buffer, change: (line: string) => string): Buffer {
  return Buffer.from(sealed.toString('latin1').replace(/^-> scrypt .*$/m, change), 'latin1');
}

const sample = await seal(Buffer.from('x'));

describe('a passphrase', () => {
  it('seals what the age program opens, and opens what age sealed', async () => {
    const plain = randomBytes(100_000);
    const [ours, theirs, out] = [join(directory, 'ours.age'), join(directory, 'theirs.age'), join(directory, 'out')];
    writeFileSync(ours, await seal(plain));
    await age(['-d', '-o', out, ours], ['Enter passphrase']);
    expect(readFileSync(out).equals(plain)).toBe(true);
    await age(['-p', '-o', theirs, out], ['Enter passphrase', 'Confirm passphrase']);
    expect((await open(readFileSync(theirs))).equals(plain)).toBe(true);
  });

  it('is worked out once for each file, however often that is opened, and never shares a salt', async () => {
    let first: Uint8Array = new Uint8Array(0);
    let second: Uint8Array = new Uint8Array(0);
    expect(await countScrypt(async () => (first = await seal(Buffer.from('x'))))).toBe(1);
    expect(await countScrypt(async () => (second = await seal(Buffer.from('x'))))).toBe(1);
    expect(await countScrypt(async () => [await open(first), await open(second), await open(first)])).toBe(0);
    const salts = [first, second].map((bytes) => /^-> scrypt (\S+) 18$/m.exec(Buffer.from(bytes).toString('latin1'))?.[1]);
    expect(new Set(salts).size).toBe(2);
  });

  it('that is wrong is told from a damaged file', async () => {
    await expect(open(sample, 'another')).rejects.toMatchObject({ code: 'KEY_REJECTED' });
    const damaged = Buffer.from(sample);
    damaged[sample.indexOf('\n--- ') + 6]! ^= 1;
    await expect(open(damaged)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });

  it.each([21, 22, 30, 4_000_000_000])('does not spend the memory that a work factor of %i asks for', async (factor) => {
    const asking = withStanza(sample, (line) => line.replace(/\d+$/, String(factor)));
    const count = await countScrypt(() =>
      expect(open(asking)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT', message: expect.stringContaining(`work factor ${factor}`) }),
    );
    expect(count).toBe(0);
  });

  it.each<[string, (line: string) => string]>([
    ['a factor with a leading zero', (line) => line.replace(/18$/, '018')],
    ['no factor', (line) => line.replace(/ 18$/, '')],
    ['a salt of another length', (line) => line.replace(/scrypt \S+/, 'scrypt QUJD')],
    ['a second recipient', (line) => `-> X25519 QUJD\nQUJD\n${line}`],
  ])('in a header with %s is not tried', async (_, change) => {
    const malformed = withStanza(sample, change);
    const count = await countScrypt(() => expect(open(malformed)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' }));
    expect(count).toBe(0);
  });
});
