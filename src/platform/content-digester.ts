import { hash } from 'node:crypto';
import type { ContentDigester, ContentSpan } from '../ports/digester.ts';
import { Sha256 } from './sha256.ts';

/** A file that is smaller, and lies in one block, is hashed at once: most files, and little of all bytes. */
const smallBytes = 64 << 10;

/** Hashes files where they lie, several at once, and large ones on other threads. */
export class ParallelContentDigester implements ContentDigester {
  /** Of the file that goes on in the next block. */
  #open: Sha256 | undefined;
  #all: Promise<void> = Promise.resolve();

  take(block: Uint8Array, spans: readonly ContentSpan[]): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const span of spans) {
      const wait = this.#take(block.subarray(span.start, span.end), span);
      if (wait !== undefined) waits.push(wait);
    }
    const taken = all(waits);
    this.#all = all([this.#all, taken]);
    // Whoever settles meets it; until then it must not count as unhandled.
    this.#all.catch(() => undefined);
    return taken;
  }

  #take(bytes: Uint8Array, { digest }: ContentSpan): void | Promise<void> {
    if (digest !== null && this.#open === undefined && bytes.length < smallBytes) {
      digest.sha256 = hash('sha256', bytes);
      return;
    }
    const file = this.#open ?? new Sha256();
    this.#open = digest === null ? file : undefined;
    const updated = file.update(bytes);
    if (digest === null) return updated;
    return updated.then(async () => {
      digest.sha256 = await file.digest();
    });
  }

  async settle(): Promise<void> {
    await this.#all;
  }
}

async function all(waits: readonly Promise<void>[]): Promise<void> {
  await Promise.all(waits);
}
