import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfAborted } from '../../domain/errors.ts';

/** About half a millisecond of reading: work on other threads waits for its turn here. */
const turnBytes = 1 << 19;

/** Reading is synchronous, which is fastest; this lets timers, signals and the other ends of streams have their turn. */
export class Turns {
  readonly #signal: AbortSignal;
  #spentBytes = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Call it before each step; every entry counts as some bytes. Throws `CANCELLED`. */
  spend(sizeBytes: number): void | Promise<void> {
    this.#spentBytes += sizeBytes;
    if (this.#spentBytes >= turnBytes) return this.#pass();
    throwIfAborted(this.#signal);
  }

  async #pass(): Promise<void> {
    this.#spentBytes = 0;
    await nextTurn();
    throwIfAborted(this.#signal);
  }
}
