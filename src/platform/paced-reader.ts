import { readSync } from 'node:fs';

/** What a read from memory takes at most: so much, and so much more for each byte. */
const quickMs = 0.2;
const quickMsPerByte = 1e-6;
/** After so many quick reads in a row content is taken to be in memory, until one is slow. */
const quickReads = 128;

/** Reads, and tells whether content comes from a disk, where reading ahead saves waiting, or from memory, where it only costs. */
export class PacedReader {
  #quickInARow = 0;

  read(fd: number, into: Uint8Array, { position, sizeBytes }: { readonly position: number; readonly sizeBytes: number }): number {
    const startedMs = performance.now();
    const read = readSync(fd, into, 0, sizeBytes, position);
    const isQuick = performance.now() - startedMs < quickMs + read * quickMsPerByte;
    this.#quickInARow = isQuick ? this.#quickInARow + 1 : 0;
    return read;
  }

  get isSlow(): boolean {
    return this.#quickInARow < quickReads;
  }
}
