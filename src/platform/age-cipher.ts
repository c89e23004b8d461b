import { randomBytes } from 'node:crypto';
import { Decrypter, Encrypter } from 'age-encryption';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { PlanEncryption } from '../domain/plan.ts';
import type { Cipher } from '../ports/cipher.ts';
import { AgePassphrase } from './age-passphrase.ts';
import { openPayload, payloadKey, payloadNonceBytes, sealPayload } from './age-stream.ts';

/**
 * age files (age-encryption.org/v1), which the `age` program opens alone. Throws `KEY_REJECTED` at once for a recipient or
 * identity that is not one.
 *
 * @see https://c2sp.org/age
 */
export function openAgeCipher(encryption: PlanEncryption): Cipher {
  const identities = encryption.identities.flatMap((secret) => identityLines(secret.reveal()));
  const passphrase = encryption.passphrase === null ? null : new AgePassphrase(encryption.passphrase);
  const encrypter = new ObservedEncrypter();
  const decrypter = new Decrypter();
  named('recipient', () => encryption.recipients.forEach((recipient) => encrypter.addRecipient(recipient)));
  named('identity', () => identities.forEach((identity) => decrypter.addIdentity(identity)));
  if (passphrase !== null) decrypter.addIdentity(passphrase);
  // age knows no file for both. A passphrase beside recipients is one from the environment, at hand to open older snapshots.
  if (passphrase !== null && encryption.recipients.length === 0) encrypter.addRecipient(passphrase);
  encrypter.observe();
  const canDecrypt = identities.length > 0 || passphrase !== null;
  return {
    canDecrypt,
    encrypt: (plain) => sealed(encrypter, plain),
    decrypt: (stored) => (canDecrypt ? opened(decrypter, stored) : noKey()),
  };
}

/** What `age-keygen` writes: keys on lines of their own, comments beside them. */
function identityLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function named(what: 'recipient' | 'identity', add: () => void): void {
  try {
    add();
  } catch (cause) {
    throw new HoldfastError(
      'KEY_REJECTED',
      `Cannot use an age ${what} of the plan: it is not an age ${what === 'recipient' ? 'public key (age1…)' : 'secret key (AGE-SECRET-KEY-1…)'}`,
      {
        hint: 'Make a key pair with age-keygen, put the public key into encryption.recipients and the key file into encryption.identity',
        cause,
      },
    );
  }
}

/** Far more than any list of recipients takes. */
const largestHeaderBytes = 1 << 20;
const headerEnd = /\n--- [A-Za-z0-9+/]{43}\n/;

async function* sealed(encrypter: ObservedEncrypter, plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const { bytes, fileKey } = await oneAtATime(() => emptyFile(encrypter));
  const nonce = randomBytes(payloadNonceBytes);
  yield Buffer.concat([bytes.subarray(0, headerLength(bytes)), nonce]);
  yield* sealPayload(payloadKey(fileKey, nonce), plain);
}

let lastHeader: Promise<unknown> = Promise.resolve();

/**
 * Headers are made and opened one after the other: two at once would hear each other's file keys, and each that a
 * passphrase opens takes 256 MB (scrypt with age's work factor).
 */
async function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const turn = lastHeader.then(work, work);
  lastHeader = turn.catch(() => undefined);
  return await turn;
}

/** The library makes the header around a file key that it chooses: an empty file shows the one, the observer the other. */
async function emptyFile(encrypter: ObservedEncrypter): Promise<{ readonly bytes: Buffer; readonly fileKey: Uint8Array }> {
  const bytes = Buffer.from(await encrypter.encrypt(new Uint8Array(0)));
  return { bytes, fileKey: encrypter.takeFileKey() };
}

/** Hears the file key of the file that is encrypted next, through a recipient that adds nothing to its header. */
class ObservedEncrypter extends Encrypter {
  #fileKey: Uint8Array | undefined;

  observe(): void {
    this.addRecipient({
      wrapFileKey: (fileKey) => {
        this.#fileKey = Uint8Array.from(fileKey);
        return [];
      },
    });
  }

  takeFileKey(): Uint8Array {
    const fileKey = this.#fileKey;
    if (fileKey === undefined) throw new Error('unreachable: every encryption asks each recipient to wrap the file key');
    this.#fileKey = undefined;
    return fileKey;
  }
}

function headerLength(bytes: Buffer): number {
  const match = headerEnd.exec(bytes.toString('latin1', 0, largestHeaderBytes));
  return match === null ? -1 : match.index + match[0].length;
}

async function* opened(decrypter: Decrypter, stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = stored[Symbol.asyncIterator]();
  try {
    yield* openedChunks(decrypter, chunks);
  } finally {
    // Whatever kept it from being read to its end: the file behind it must not stay open.
    await chunks.return?.();
  }
}

async function* openedChunks(decrypter: Decrypter, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const { header, rest } = await readHeader(chunks);
  const fileKey = await oneAtATime(() => decrypter.decryptHeader(header)).catch((cause: unknown) => {
    throw notOpened(cause);
  });
  const key = payloadKey(fileKey, rest.subarray(0, payloadNonceBytes));
  try {
    yield* openPayload(key, resumed(rest.subarray(payloadNonceBytes), chunks));
  } catch (error) {
    if (isHoldfastError(error)) throw error;
    throw new Error('it was altered or cut short after it was encrypted', { cause: error });
  }
}

async function readHeader(chunks: AsyncIterator<Uint8Array>): Promise<{ readonly header: Buffer; readonly rest: Buffer }> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const length = headerLength(bytes);
    if (length !== -1 && bytes.length >= length + payloadNonceBytes)
      return { header: bytes.subarray(0, length), rest: bytes.subarray(length) };
    const next = await chunks.next();
    if (next.done === true || bytes.length > largestHeaderBytes) throw corruptHeader(undefined);
    bytes = Buffer.concat([bytes, next.value]);
  }
}

async function* resumed(first: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => chunks };
}

function notOpened(cause: unknown): HoldfastError {
  if (isHoldfastError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (!/no identity matched/i.test(message)) return corruptHeader(cause);
  return new HoldfastError('KEY_REJECTED', 'Cannot decrypt: none of the configured keys or passphrases opens it', {
    hint: 'Name the identity file that belongs to the recipient of that time in encryption.identity: holdfast show ID says which recipient it was',
    cause,
  });
}

function corruptHeader(cause: unknown): HoldfastError {
  return new HoldfastError('ARCHIVE_CORRUPT', 'Cannot decrypt: it does not begin as an age file does', {
    hint: 'Restore from an older snapshot or another store: holdfast list',
    cause,
  });
}

// eslint-disable-next-line require-yield -- its type is that of the stream it stands in for
async function* noKey(): AsyncGenerator<Uint8Array, void, undefined> {
  throw new HoldfastError('KEY_MISSING', 'Cannot decrypt: no key is configured here', {
    hint: 'Name the age identity file in the plan (encryption: identity: …) or set BACKUP_AGE_IDENTITY_FILE',
  });
}
