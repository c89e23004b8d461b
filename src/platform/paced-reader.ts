import { readSync } from 'node:fs';

/** What a read from memory takes at most: so much, and so much more for each byte. */
const quickMs = 0.2;
const quickMsPerByte = 1e-6;
/** A slow read counts as many quick ones: one in a while was only interrupted, one in sixteen waits for a disk. */
const slowWeight = 16;
const most = 128;

/** Reads, and tells whether content comes from a disk, where reading ahead saves waiting, or from memory, where it only costs. */
export class PacedReader {
  /** Of slow reads, each worn off by quick ones. */
  #weight = most;

  read(fd: number, into: Uint8Array, { position, sizeBytes }: { readonly position: number; readonly sizeBytes: number }): number {
    const startedMs = performance.now();
    const read = readSync(fd, into, 0, sizeBytes, position);
    const isQuick = performance.now() - startedMs < quickMs + read * quickMsPerByte;
    this.#weight = isQuick ? Math.max(this.#weight - 1, 0) : Math.min(this.#weight + slowWeight, most);
    return read;
  }

  get isSlow(): boolean {
    return this.#weight > most / 2;
  }
}
