import type { Compression } from '../domain/manifest.ts';
import type { BlockReceiver } from './block-assembler.ts';
import { codecThreadCount, codecThreads } from './codec-threads.ts';
import { codecs } from './codecs.ts';
import { freeMemory } from './free-memory.ts';

interface Encoded {
  readonly bytes: Uint8Array;
  /** The bytes were taken: their memory may be used anew. */
  readonly release: () => void;
}

/** Blocks under way at once: enough to keep the cores busy while one waits for the disk and one for its turn. */
const width = codecThreadCount + 2;

/**
 * Compresses blocks, several at once, and yields them in the order they came. A few blocks are under way or waiting for
 * the reader, which bounds memory whatever the data's size.
 */
export class ParallelEncoder implements BlockReceiver {
  readonly #compression: Compression;
  readonly #queue: Promise<Encoded>[] = [];
  readonly #free: Uint8Array[] = [];
  #ended = false;
  #failure: { readonly error: Error } | undefined;
  #wakeReader: (() => void) | undefined;
  #waitingWriter: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  constructor(compression: Compression) {
    this.#compression = compression;
  }

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(codecs[this.#compression.kind].blockBytes));
  }

  submit(block: Uint8Array, sizeBytes: number): void | Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    const encoded = this.#encode(block, sizeBytes);
    // The reader meets the rejection in order; until then it must not count as unhandled.
    encoded.catch(() => undefined);
    this.#queue.push(encoded);
    this.#wakeReader?.();
    if (this.#queue.length >= width) return this.#room();
  }

  async #encode(block: Uint8Array, sizeBytes: number): Promise<Encoded> {
    const bytes = sizeBytes === block.length ? block : block.subarray(0, sizeBytes);
    const reuse = () => void this.#free.push(block);
    const { kind, level } = this.#compression;
    if (codecs[kind].passesThrough) return { bytes, release: reuse };
    const encoded = await codecThreads.run({ kind, operation: 'encode', bytes, level });
    reuse();
    return { bytes: encoded, release: () => freeMemory(encoded) };
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
