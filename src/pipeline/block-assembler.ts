import type { ContentDigest, ContentDigester, ContentSpan } from '../ports/digester.ts';
import type { ByteSink } from '../ports/source.ts';

/** Hands over full blocks. The block belongs to the receiver until its promise settles; then it is reused. */
export interface BlockReceiver {
  /** A free block of `blockBytes`, in shared memory. */
  take(): Uint8Array;
  /**
   * Takes over `block`, of which the first `sizeBytes` are used; somebody else reads it until `read` settles. A promise
   * means: wait before the next.
   */
  submit(block: Uint8Array, sizeBytes: number, read: Promise<void>): void | Promise<void>;
}

/** Takes bytes, and tells the digests of those between `beginContent` and `endContent`, which are one file's. */
export interface ContentSink extends ByteSink {
  beginContent(): void;
  endContent(): ContentDigest;
  /** Afterwards every digest is known. */
  settleContent(): Promise<void>;
}

/** Gathers bytes of any chunking into blocks of one size. What is a file's content is hashed where it lies in them. */
export class BlockAssembler implements ContentSink {
  readonly #receiver: BlockReceiver;
  readonly #digester: ContentDigester;
  #block: Uint8Array;
  #used = 0;
  #total = 0;

  #spans: ContentSpan[] = [];
  /** Where the content of a file begins in this block; undefined between files. */
  #contentStart: number | undefined;

  constructor(receiver: BlockReceiver, digester: ContentDigester) {
    this.#receiver = receiver;
    this.#digester = digester;
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
      if (wait !== undefined) return position === bytes.length ? wait : this.#writeLater(wait, Uint8Array.from(bytes.subarray(position)));
    }
  }

  async #writeLater(wait: Promise<void>, rest: Uint8Array): Promise<void> {
    await wait;
    await this.write(rest);
  }

  beginContent(): void {
    this.#contentStart = this.#used;
  }

  endContent(): ContentDigest {
    const digest: ContentDigest = { sha256: undefined };
    this.#endSpan(digest);
    this.#contentStart = undefined;
    return digest;
  }

  #endSpan(digest: ContentDigest | null): void {
    if (this.#contentStart === undefined) return;
    this.#spans.push({ start: this.#contentStart, end: this.#used, digest });
    this.#contentStart = 0;
  }

  async settleContent(): Promise<void> {
    await this.#takeSpans();
    await this.#digester.settle();
  }

  #takeSpans(): Promise<void> {
    const spans = this.#spans;
    this.#spans = [];
    return this.#digester.take(this.#block, spans);
  }

  /** Hands over what is left; of nothing at all one empty block, so that what comes out is a valid file. Call it once, last. */
  async flush(): Promise<void> {
    if (this.#used > 0 || this.#total === 0) await this.#receiver.submit(this.#block, this.#used, this.#takeSpans());
    this.#used = 0;
    this.#block = new Uint8Array(0);
  }

  #handOver(): void | Promise<void> {
    this.#endSpan(null);
    const wait = this.#receiver.submit(this.#block, this.#used, this.#takeSpans());
    this.#block = this.#receiver.take();
    this.#used = 0;
    return wait;
  }
}
