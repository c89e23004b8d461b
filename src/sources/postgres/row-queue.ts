/** Blocks of memory that are used again and again, so that rows on their way leave no garbage behind. */
export class BlockPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  }

  give(block: Buffer): void {
    this.#free.push(block);
  }
}

const blockBytes = 256 * 1024;

/**
 * Rows of one COPY between the connection that receives them and whoever writes them in order: gathered into blocks,
 * since a server sends a few kilobytes at a time.
 */
export class RowQueue {
  readonly #pool: BlockPool;
  readonly #limitBytes: number;
  #full: Buffer[] = [];
  #block: Buffer | null = null;
  #used = 0;
  #end: { readonly rows: number } | { readonly error: unknown } | null = null;
  #wake: () => void = ignore;
  #resume: () => void = ignore;

  constructor(pool: BlockPool, limitBytes: number) {
    this.#pool = pool;
    this.#limitBytes = limitBytes;
  }

  /** Copies the bytes. False asks for a pause, which `resume` ends. */
  take(rows: Buffer, resume: () => void): boolean {
    for (let from = 0; from < rows.length;) {
      const block = (this.#block ??= this.#pool.take());
      const copied = rows.copy(block, this.#used, from);
      from += copied;
      this.#used += copied;
      if (this.#used === blockBytes) this.#finishBlock();
    }
    if (this.#full.length * blockBytes < this.#limitBytes) return true;
    this.#resume = resume;
    return false;
  }

  /** `rows`: how many there were, as the server counts them. */
  end(rows: number): void {
    this.#end = { rows };
    // The connection goes on to something else, which is not ours to resume.
    this.#resume = ignore;
    this.#finishBlock();
  }

  fail(error: unknown): void {
    this.#end = { error };
    this.#wake();
  }

  /** Hands everything on until the end, each block valid until `write` has resolved. Returns the count of rows, or throws what `fail` was given. */
  async drain(write: (bytes: Buffer) => void | Promise<void>): Promise<number> {
    for (;;) {
      const bytes = this.#full.shift();
      if (bytes !== undefined) {
        const written = write(bytes);
        if (written !== undefined) await written;
        this.#release(bytes);
      } else if (this.#end !== null) {
        return settle(this.#end);
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    }
  }

  #finishBlock(): void {
    if (this.#block !== null && this.#used > 0) this.#full.push(this.#block.subarray(0, this.#used));
    this.#block = null;
    this.#used = 0;
    this.#wake();
  }

  #release(bytes: Buffer): void {
    this.#pool.give(Buffer.from(bytes.buffer));
    if (this.#full.length * blockBytes > this.#limitBytes / 2) return;
    const resume = this.#resume;
    this.#resume = ignore;
    resume();
  }
}

function ignore(): void {
  // Nobody waits.
}

function settle(end: { readonly rows: number } | { readonly error: unknown }): number {
  if ('error' in end) throw end.error;
  return end.rows;
}
