import type { BlockReceiver } from './block-assembler.ts';
import type { Codec } from './codec.ts';
import { blocksAtOnce } from './parallelism.ts';

interface Encoded {
  readonly bytes: Uint8Array;
  /** The bytes were taken: their memory may be used anew. */
  readonly release: () => void;
}

/** Blocks under way at once: enough to keep the cores busy while one waits for the disk and one for its turn. */
const width = blocksAtOnce + 2;

/**
 * Compresses blocks, several at once, and yields them in the order they came. A few blocks are under way or waiting for
 * the reader, which bounds memory whatever the data's size.
 */
export class ParallelEncoder implements BlockReceiver {
  readonly #codec: Codec;
  readonly #level: number;
  readonly #queue: Promise<Encoded>[] = [];
  readonly #freeBlocks: Uint8Array[] = [];
  readonly #freeRooms: Uint8Array[] = [];
  #ended = false;
  #failure: { readonly error: Error } | undefined;
  #wakeReader: (() => void) | undefined;
  #waitingWriter: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  constructor(codec: Codec, level: number) {
    this.#codec = codec;
    this.#level = level;
  }

  take(): Uint8Array {
    return this.#freeBlocks.pop() ?? Buffer.allocUnsafeSlow(this.#codec.blockBytes);
  }

  submit(block: Uint8Array, sizeBytes: number, read: Promise<void>): void | Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    const encoded = this.#encode(block, sizeBytes, read);
    // The reader meets the rejection in order; until then it must not count as unhandled.
    encoded.catch(() => undefined);
    this.#queue.push(encoded);
    this.#wakeReader?.();
    if (this.#queue.length >= width) return this.#room();
  }

  async #encode(block: Uint8Array, sizeBytes: number, read: Promise<void>): Promise<Encoded> {
    const bytes = sizeBytes === block.length ? block : block.subarray(0, sizeBytes);
    const codec = this.#codec;
    if (codec.passesThrough) {
      await read;
      return { bytes, release: () => void this.#freeBlocks.push(block) };
    }
    const room = this.#freeRooms.pop() ?? Buffer.allocUnsafeSlow(codec.roomBytes(codec.blockBytes));
    const [encodedBytes] = await Promise.all([codec.encode(bytes, room, this.#level), read]);
    this.#freeBlocks.push(block);
    return { bytes: room.subarray(0, encodedBytes), release: () => void this.#freeRooms.push(room) };
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

  /**
   * Encoded blocks in order, each valid until the next is asked for. Stopping early (the store failed) makes the writer's
   * next step fail.
   */
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
          yield encoded.bytes;
          encoded.release();
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
    else if (this.#queue.length < width) writer.resolve();
    else return;
    this.#waitingWriter = undefined;
  }
}
