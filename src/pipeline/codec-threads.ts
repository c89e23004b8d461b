import { Worker } from 'node:worker_threads';
import type { CompressionKind } from '../domain/manifest.ts';
import { codecs } from './codecs.ts';

export interface CodecTask {
  readonly kind: CompressionKind;
  readonly operation: 'encode' | 'decode';
  /** Shared memory is read where it is; other memory is handed over. */
  readonly bytes: Uint8Array;
  /** Of compression; of no meaning to `decode`. */
  readonly level: number;
}

export type CodecReply = { readonly bytes: Uint8Array } | { readonly failure: string };

export interface CodecThreadData {
  /** Becomes 1 when the thread has loaded all its code. */
  readonly loaded: Int32Array;
}

/** Tasks done on the calling thread before others are worth their start (some 50 ms): most archives are small. */
const firstTasks = 2;
/** A thread that takes longer to load is given up. */
const loadedWithinMs = 10_000;
export const codecThreadCount = Math.min(Math.max(navigator.hardwareConcurrency, 2), 4);

/**
 * Compresses and decompresses on threads of their own. Unlike zlib's asynchronous calls this leaves the collection of
 * garbage to small heaps, lets zstd work without a buffer between, and keeps libuv's pool free for reading and writing.
 */
class CodecThreads {
  #threads: readonly CodecThread[] = [];
  #tasks = 0;

  constructor() {
    // A thread that is ended while it loads native code takes the whole process with it (koffi 3.3: a fatal error in napi_throw).
    process.once('exit', () => this.#threads.forEach((thread) => thread.awaitLoaded()));
  }

  /** Starts in the order of the calls; what comes back has memory of its own. Rejects with a plain Error for a damaged frame. */
  run(task: CodecTask): Promise<Uint8Array> {
    this.#tasks += 1;
    return this.#tasks <= firstTasks ? atOnce(task) : this.#leastBusy().run(task);
  }

  #leastBusy(): CodecThread {
    // One that died would look idle, and be chosen, for ever.
    this.#threads = this.#threads.filter(({ hasEnded }) => !hasEnded);
    const idle = this.#threads.find(({ pending }) => pending === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < codecThreadCount) this.#threads = [...this.#threads, new CodecThread()];
    return this.#threads.reduce((least, thread) => (thread.pending < least.pending ? thread : least));
  }
}

/** Shared by everything in this process: there are no more cores for two. */
export const codecThreads = new CodecThreads();

/** What it throws becomes a rejection. */
async function atOnce({ kind, operation, bytes, level }: CodecTask): Promise<Uint8Array> {
  return operation === 'encode' ? codecs[kind].encode(bytes, level) : codecs[kind].decode(bytes);
}

class CodecThread {
  readonly #worker: Worker;
  readonly #loaded = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #waiting: PromiseWithResolvers<Uint8Array>[] = [];
  #ended: Error | undefined;

  constructor() {
    const file = import.meta.url.endsWith('.ts') ? '../codec-thread.ts' : '../codec-thread.js';
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: { loaded: this.#loaded } satisfies CodecThreadData,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (reply: CodecReply) => this.#take(reply));
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#end(new Error('a compression thread has ended')));
    this.#worker.unref();
  }

  get pending(): number {
    return this.#waiting.length;
  }

  /** Blocks until the thread has loaded its code. */
  awaitLoaded(): void {
    if (!this.hasEnded) Atomics.wait(this.#loaded, 0, 0, loadedWithinMs);
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  run(task: CodecTask): Promise<Uint8Array> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const waiting = Promise.withResolvers<Uint8Array>();
    this.#waiting.push(waiting);
    // It keeps the process alive only while somebody waits for it.
    this.#worker.ref();
    // Shared memory stays where it is.
    const { buffer } = task.bytes;
    this.#worker.postMessage(task, buffer instanceof ArrayBuffer ? [buffer] : []);
    return waiting.promise;
  }

  #take(reply: CodecReply): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    if ('bytes' in reply) waiting?.resolve(reply.bytes);
    else waiting?.reject(new Error(reply.failure));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended);
  }
}
