import type { ByteSink } from '../ports/source.ts';

/** Hands over full blocks. The block belongs to the receiver until its promise settles; then it is reused. */
export interface BlockReceiver {
  /** A free block of `blockBytes`. */
  take(): Uint8Array;
  /** Takes over `block`, of which the first `sizeBytes` are used. A promise means: wait before the next. */
  submit(block: Uint8Array, sizeBytes: number): void | Promise<void>;
}

/** Gathers bytes of any chunking into blocks of one size. */
export class BlockAssembler implements ByteSink {
  readonly #receiver: BlockReceiver;
  #block: Uint8Array;
  #used = 0;
  #total = 0;

  constructor(receiver: BlockReceiver) {
    this.#receiver = receiver;
    this.#block = receiver.take();
  }

  /** Bytes taken so far. */
  get totalBytes(): number {
    return this.#total;
  }

  window(): Uint8Array {
    return this.#block.subarray(this.#used);
  }

  filled(sizeBytes: number): void | Promise<void> {
    this.#used += sizeBytes;
    this.#total += sizeBytes;
    if (this.#used === this.#block.length) return this.#handOver();
  }

  /** Copies at once whatever fits; only what is left when the receiver wants to wait is kept aside. */
  write(bytes: Uint8Array): void | Promise<void> {
    let position = 0;
    while (position < bytes.length) {
      const fits = Math.min(bytes.length - position, this.#block.length - this.#used);
      this.#block.set(fits === bytes.length ? bytes : bytes.subarray(position, position + fits), this.#used);
      position += fits;
      const wait = this.filled(fits);
      if (wait !== undefined) return position === bytes.length ? wait : this.#writeLater(wait, bytes.slice(position));
    }
  }

  async #writeLater(wait: Promise<void>, rest: Uint8Array): Promise<void> {
    await wait;
    await this.write(rest);
  }

  /** Hands over what is left; of nothing at all one empty block, so that what comes out is a valid file. Call it once, last. */
  async flush(): Promise<void> {
    if (this.#used > 0 || this.#total === 0) await this.#receiver.submit(this.#block, this.#used);
    this.#used = 0;
    this.#block = new Uint8Array(0);
  }

  #handOver(): void | Promise<void> {
    const wait = this.#receiver.submit(this.#block, this.#used);
    this.#block = this.#receiver.take();
    this.#used = 0;
    return wait;
  }
}
