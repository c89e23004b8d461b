import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { type Identity, type Recipient, Stanza } from 'age-encryption';
import { HoldfastError } from '../domain/errors.ts';
import type { Secret } from '../domain/secret.ts';

/*
 * The scrypt stanza of an age file. The age library's own is plain JavaScript: it holds up everything else for seconds.
 *
 * @see https://c2sp.org/age#scrypt-recipient-stanza
 */
const label = 'age-encryption.org/v1/scrypt';
/** What the age program writes: 256 MB, about a second. */
const workFactor = 18;
/** A gigabyte. More would let a file that was tampered with take all the memory there is. */
const highestWorkFactor = 20;
const saltBytes = 16;
const fileKeyBytes = 16;
const tagBytes = 16;
/** Each key wraps a single file key, so that its nonce may be fixed. */
const nonce = Buffer.alloc(12);
const algorithm = 'chacha20-poly1305';

/** Wraps the keys of files with a passphrase, each under a salt of its own, and unwraps them. */
export class AgePassphrase implements Recipient, Identity {
  readonly #passphrase: Secret;

  constructor(passphrase: Secret) {
    this.#passphrase = passphrase;
  }

  async wrapFileKey(fileKey: Uint8Array): Promise<Stanza[]> {
    const salt = randomBytes(saltBytes);
    const cipher = createCipheriv(algorithm, await wrappingKey(this.#passphrase, salt, workFactor), nonce, { authTagLength: tagBytes });
    const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
    return [new Stanza(['scrypt', unpadded(salt), String(workFactor)], body)];
  }

  /** Null for a file that has no passphrase or another one. Throws `ARCHIVE_CORRUPT` or a plain Error for a malformed stanza. */
  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const stanza = stanzas.find(({ args }) => args[0] === 'scrypt');
    if (stanza === undefined) return null;
    if (stanzas.length > 1) throw new Error('a passphrase stands beside other recipients');
    const { salt, factor } = readStanza(stanza);
    return opened(stanza.body, await wrappingKey(this.#passphrase, salt, factor));
  }
}

function readStanza({ args, body }: Stanza): { readonly salt: Buffer; readonly factor: number } {
  const [, saltText = '', factorText = ''] = args;
  const salt = Buffer.from(saltText, 'base64');
  const isWellFormed = args.length === 3 && salt.length === saltBytes && unpadded(salt) === saltText && /^[1-9]\d*$/.test(factorText);
  if (!isWellFormed || body.length !== fileKeyBytes + tagBytes) throw new Error('its scrypt stanza is malformed');
  const factor = Number(factorText);
  if (factor <= highestWorkFactor) return { salt, factor };
  throw new HoldfastError(
    'ARCHIVE_CORRUPT',
    `Cannot decrypt: its passphrase asks for scrypt with the work factor ${factor}; more than ${highestWorkFactor} is refused, and Holdfast writes ${workFactor}`,
    {
      hint: 'Restore from another store or an older snapshot: holdfast list; if you trust the file and have the memory, open it with the age program',
      details: { workFactor: factor },
    },
  );
}

function opened(body: Uint8Array, key: Buffer): Uint8Array | null {
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  decipher.setAuthTag(body.subarray(fileKeyBytes));
  const fileKey = decipher.update(body.subarray(0, fileKeyBytes));
  try {
    return Buffer.concat([fileKey, decipher.final()]);
  } catch {
    // The tag is what tells a wrong passphrase.
    return null;
  }
}

const derive = promisify<string, Uint8Array, number, object, Buffer>(scrypt);
/** Keys derived before, oldest first: a file that is sealed, verified and read again costs scrypt once. */
const derived = new Map<string, Buffer>();
const mostDerived = 256;

async function wrappingKey(passphrase: Secret, salt: Uint8Array, factor: number): Promise<Buffer> {
  const text = passphrase.reveal();
  const name = createHash('sha256').update(salt).update(`${factor} ${text}`).digest('base64');
  const key = derived.get(name) ?? (await derive(text, Buffer.concat([Buffer.from(label), salt]), 32, costs(factor)));
  derived.delete(name);
  derived.set(name, key);
  for (const oldest of derived.keys()) if (derived.size > mostDerived) derived.delete(oldest);
  return key;
}

function costs(factor: number): { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number } {
  const N = 2 ** factor;
  const r = 8;
  // Node counts a little beside the table itself.
  return { N, r, p: 1, maxmem: 2 * 128 * N * r };
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}
