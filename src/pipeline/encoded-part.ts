import type { Compression } from '../domain/manifest.ts';
import type { Cipher } from '../ports/cipher.ts';
import type { Digester } from '../ports/digester.ts';
import { BlockAssembler } from './block-assembler.ts';
import { ParallelEncoder } from './parallel-encoder.ts';

/**
 * One part on its way into a store: bytes given to `sink` come out of `body`, compressed, encrypted and digested, while
 * the store takes them. Memory is bounded by a few blocks; a slow store makes the sink's promises wait.
 */
export class EncodedPart {
  readonly sink: BlockAssembler;
  readonly #encoder: ParallelEncoder;
  readonly #cipher: Cipher | null;
  readonly #digester: Digester;
  #storedBytes = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: { readonly compression: Compression; readonly cipher: Cipher | null; readonly digester: Digester }) {
    this.#encoder = new ParallelEncoder(options.compression);
    this.#cipher = options.cipher;
    this.#digester = options.digester;
    this.sink = new BlockAssembler(this.#encoder);
  }

  /**
   * The stored form. Read it once, to the end, at the same time as the sink is filled. A chunk is valid until the next is
   * asked for.
   */
  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    const blocks = this.#encoder.blocks();
    try {
      for await (const chunk of this.#cipher === null ? blocks : this.#cipher.encrypt(blocks)) {
        const wait = this.#digester.update(chunk);
        if (wait !== undefined) await wait;
        this.#storedBytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      // A digest that was discarded is only a consequence.
      throw this.#failure === undefined ? error : this.#failure.error;
    }
  }

  /** The last byte was given. */
  async end(): Promise<void> {
    await this.sink.flush();
    this.#encoder.end();
  }

  /** The source failed: `body` throws this, so the store undoes its put. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#digester.discard();
    this.#encoder.fail(error);
  }

  /** Valid once `body` has been read to its end; call it once. */
  async stored(): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
    return { sizeBytes: this.#storedBytes, sha256: await this.#digester.digest() };
  }
}
