import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Digester } from '../ports/digester.ts';

/** What is hashed at once, before a thread is worth its start. */
const earlyBytes = 2 << 20;
const slotBytes = 1 << 20;
const slotCount = 4;

/**
 * Hashes a long stream on a thread of its own, so that the thread that reads and hashes files need not hash the archive
 * too. Bytes are copied into a few shared slots, which bounds memory and lets the caller go on with the bytes at once.
 */
export class BackgroundDigester implements Digester {
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #thread: DigestThread | undefined;
  #isDiscarded = false;

  update(bytes: Uint8Array): void | Promise<void> {
    // A thread that was started now would keep the process alive for ever.
    if (this.#isDiscarded) throw discarded();
    if (this.#thread !== undefined) return this.#thread.update(bytes);
    this.#early.push(Uint8Array.from(bytes));
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > earlyBytes) return this.#moveToThread();
  }

  async #moveToThread(): Promise<void> {
    this.#thread = new DigestThread();
    for (const bytes of this.#early.splice(0)) await this.#thread.update(bytes);
  }

  async digest(): Promise<string> {
    if (this.#thread !== undefined) return await this.#thread.digest();
    const hash = createHash('sha256');
    for (const bytes of this.#early.splice(0)) hash.update(bytes);
    return hash.digest('hex');
  }

  discard(): void {
    this.#isDiscarded = true;
    this.#early = [];
    this.#thread?.discard();
  }
}

/** What the thread is told: a slot to hash, or to finish. */
export type DigestRequest = { readonly slot: number; readonly sizeBytes: number } | 'finish';
/** What it answers: the slot is free again, or the digest. */
export type DigestReply = { readonly slot: number } | { readonly digest: string };

class DigestThread {
  readonly #slots = Array.from({ length: slotCount }, () => new Uint8Array(new SharedArrayBuffer(slotBytes)));
  readonly #free = this.#slots.map((_, index) => index);
  readonly #worker: Worker;
  readonly #finished = Promise.withResolvers<string>();
  #slotFreed: (() => void) | undefined;

  constructor() {
    const file = new URL(`./digest-thread${extname(import.meta.filename)}`, import.meta.url);
    this.#worker = new Worker(file, {
      workerData: this.#slots,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (reply: DigestReply) => this.#take(reply));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#finished.promise.catch(() => undefined);
  }

  #take(reply: DigestReply): void {
    if ('digest' in reply) return this.#finished.resolve(reply.digest);
    this.#free.push(reply.slot);
    this.#slotFreed?.();
  }

  #fail(error: unknown): void {
    this.#finished.reject(error);
    this.#slotFreed?.();
  }

  update(bytes: Uint8Array): void | Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const slot = this.#free.pop();
      if (slot === undefined) return this.#updateLater(rest.slice());
      const piece = rest.subarray(0, slotBytes);
      this.#slots[slot]!.set(piece);
      this.#worker.postMessage({ slot, sizeBytes: piece.length } satisfies DigestRequest);
      rest = rest.subarray(piece.length);
    }
  }

  async #updateLater(bytes: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#slotFreed = resolve;
    // A thread that broke frees no slot: its error comes from here.
    await Promise.race([promise, this.#finished.promise]);
    await this.update(bytes);
  }

  async digest(): Promise<string> {
    this.#worker.postMessage('finish' satisfies DigestRequest);
    const digest = await this.#finished.promise;
    await this.#worker.terminate();
    return digest;
  }

  discard(): void {
    void this.#worker.terminate();
    this.#fail(discarded());
  }
}

function discarded(): Error {
  return new Error('the digest was discarded');
}
