import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

/*
 * The payload of an age file: 64 KiB chunks, each ChaCha20-Poly1305 with a counter as its nonce, the last one marked.
 * The age library's own is plain JavaScript at a tenth of this speed; headers and keys stay with the library.
 *
 * @see https://c2sp.org/age#payload
 */
export const payloadNonceBytes = 16;
const chunkBytes = 64 * 1024;
const tagBytes = 16;
const algorithm = 'chacha20-poly1305';
/** Chunks handed on together: stores want few, large pieces. */
const batch = 16;

/** HKDF-SHA-256 with the payload's nonce as its salt. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** 11 bytes of big-endian counter, then 1 for the last chunk. */
class ChunkNonce {
  readonly #nonce = Buffer.alloc(12);
  #count = 0;

  next(isLast: boolean): Buffer {
    this.#nonce.writeUIntBE(this.#count, 5, 6);
    this.#nonce[11] = isLast ? 1 : 0;
    this.#count += 1;
    return this.#nonce;
  }
}

export async function* sealPayload(key: Uint8Array, plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const nonce = new ChunkNonce();
  const seal = (chunk: Uint8Array, isLast: boolean): Buffer[] => {
    const cipher = createCipheriv(algorithm, key, nonce.next(isLast), { authTagLength: tagBytes });
    const sealed = cipher.update(chunk);
    cipher.final();
    return [sealed, cipher.getAuthTag()];
  };
  yield* inChunks(plain, { sizeBytes: chunkBytes, transform: seal });
}

/** Throws when a chunk was altered, or the last one is missing. */
export async function* openPayload(key: Uint8Array, sealed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const nonce = new ChunkNonce();
  let count = 0;
  const open = (chunk: Uint8Array, isLast: boolean): Buffer[] => {
    if (chunk.length < tagBytes || (chunk.length === tagBytes && count > 0)) throw new Error('the encrypted stream is cut short');
    count += 1;
    const decipher = createDecipheriv(algorithm, key, nonce.next(isLast), { authTagLength: tagBytes });
    decipher.setAuthTag(chunk.subarray(-tagBytes));
    const plain = decipher.update(chunk.subarray(0, -tagBytes));
    decipher.final();
    return [plain];
  };
  yield* inChunks(sealed, { sizeBytes: chunkBytes + tagBytes, transform: open });
}

interface Chunking {
  readonly sizeBytes: number;
  readonly transform: (chunk: Uint8Array, isLast: boolean) => Buffer[];
}

/** Chunks of exactly one size but for the last, which is known as the last only when nothing follows it. */
async function* inChunks(
  bytes: AsyncIterable<Uint8Array>,
  { sizeBytes, transform }: Chunking,
): AsyncGenerator<Uint8Array, void, undefined> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const arrived of bytes) {
    const all: Uint8Array = rest.length === 0 ? arrived : Buffer.concat([rest, arrived]);
    let position = 0;
    let done: Buffer[] = [];
    for (; all.length - position > sizeBytes; position += sizeBytes) {
      done.push(...transform(all.subarray(position, position + sizeBytes), false));
      if (done.length < batch) continue;
      yield Buffer.concat(done);
      done = [];
    }
    rest = Buffer.from(all.subarray(position));
    if (done.length > 0) yield Buffer.concat(done);
  }
  yield Buffer.concat(transform(rest, true));
}
