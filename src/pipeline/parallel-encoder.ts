import type { BlockReceiver } from './block-assembler.ts';
import type { Codec } from './codec.ts';

/**
 * Compresses blocks in libuv's thread pool, several at once, and yields them in the order they came. At most `width`
 * blocks are under way or waiting for the reader, which bounds memory whatever the data's size.
 */
export class ParallelEncoder implements BlockReceiver {
  readonly #codec: Codec;
  readonly #level: number;
  readonly #width: number;
  readonly #queue: Promise<readonly Uint8Array[]>[] = [];
  readonly #free: Uint8Array[] = [];
  #ended = false;
  #failure: { readonly error: Error } | undefined;
  #wakeReader: (() => void) | undefined;
  #waitingWriter: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  constructor(codec: Codec, options: { readonly level: number; readonly width: number }) {
    this.#codec = codec;
    this.#level = options.level;
    this.#width = options.width;
  }

  take(): Uint8Array {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#codec.blockBytes);
  }

  submit(block: Uint8Array, sizeBytes: number): void | Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    const encoded = this.#encode(block, sizeBytes);
    // The reader meets the rejection in order; until then it must not count as unhandled.
    encoded.catch(() => undefined);
    this.#queue.push(encoded);
    this.#wakeReader?.();
    if (this.#queue.length >= this.#width) return this.#room();
  }

  async #encode(block: Uint8Array, sizeBytes: number): Promise<readonly Uint8Array[]> {
    const encoded = await this.#codec.encode(sizeBytes === block.length ? block : block.subarray(0, sizeBytes), this.#level);
    if (!this.#codec.passesThrough) this.#free.push(block);
    return encoded;
  }

  #room(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waitingWriter = { resolve, reject };
    return promise;
  }

  /** No more blocks come. */
  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
  }

  /** The source failed: the reader gets this error after the blocks that came before it. */
  fail(error: unknown): void {
    this.#failure ??= { error: error instanceof Error ? error : new Error(String(error)) };
    this.#wakeReader?.();
    this.#releaseWriter();
  }

  /** Encoded blocks in order. Stopping early (the store failed) makes the writer's next step fail. */
  async *blocks(): AsyncGenerator<Uint8Array, void, undefined> {
    let finished = false;
    try {
      for (;;) {
        const next = this.#queue[0];
        if (this.#failure !== undefined) throw this.#failure.error;
        if (next !== undefined) {
          const encoded = await next;
          void this.#queue.shift();
          this.#releaseWriter();
          yield* encoded;
        } else if (this.#ended) {
          finished = true;
          return;
        } else {
          await this.#arrival();
        }
      }
    } finally {
      if (!finished) this.fail(new Error('whatever took the encoded blocks stopped early'));
    }
  }

  async #arrival(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeReader = resolve;
    await promise;
    this.#wakeReader = undefined;
  }

  #releaseWriter(): void {
    const writer = this.#waitingWriter;
    if (writer === undefined) return;
    if (this.#failure !== undefined) writer.reject(this.#failure.error);
    else if (this.#queue.length < this.#width) writer.resolve();
    else return;
    this.#waitingWriter = undefined;
  }
}
