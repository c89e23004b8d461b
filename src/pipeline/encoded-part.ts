import type { Cipher } from '../ports/cipher.ts';
import type { ContentDigester, Digester } from '../ports/digester.ts';
import { BlockAssembler } from './block-assembler.ts';
import type { Codec } from './codec.ts';
import { ParallelEncoder } from './parallel-encoder.ts';

interface PartOptions {
  readonly codec: Codec;
  readonly level: number;
  readonly cipher: Cipher | null;
  /** Of the stored form. */
  readonly digester: Digester;
  readonly contentDigester: ContentDigester;
}

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

  constructor(options: PartOptions) {
    this.#encoder = new ParallelEncoder(options.codec, options.level);
    this.#cipher = options.cipher;
    this.#digester = options.digester;
    this.sink = new BlockAssembler(this.#encoder, options.contentDigester);
  }

  /**
   * The stored form. Read it once, to the end, at the same time as the sink is filled. A chunk is valid until the next is
   * asked for.
   */
  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    const blocks = this.#encoder.blocks();
    for await (const chunk of this.#cipher === null ? blocks : this.#cipher.encrypt(blocks)) {
      const digested = this.#digester.update(chunk);
      // It is met below; until then it must not count as unhandled.
      digested.catch(() => undefined);
      this.#storedBytes += chunk.length;
      yield chunk;
      await digested;
    }
  }

  /** The last byte was given. */
  async end(): Promise<void> {
    await this.sink.flush();
    this.#encoder.end();
  }

  /** The source failed: `body` throws this, so the store undoes its put. */
  fail(error: unknown): void {
    this.#encoder.fail(error);
  }

  /** Valid once `body` has been read to its end; call it once. */
  async stored(): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
    return { sizeBytes: this.#storedBytes, sha256: await this.#digester.digest() };
  }
}
