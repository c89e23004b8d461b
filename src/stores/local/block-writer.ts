import type { FileHandle } from 'node:fs/promises';
import { type DirectFile, directAlignment, openDirect } from '../../platform/direct-file.ts';
import { isSystemError } from '../../platform/system-error.ts';

/** What is written at once: with less, an archive that is not compressed waits for its writes. */
const blockBytes = 2 << 20;
/** From here on a file is large enough to be written past the page cache. */
const directFromBytes = 8 << 20;
/** Where that cannot be had, so much may wait there: the disk works all along, and the last fsync finds little left to do. */
const syncEveryBytes = 64 << 20;

/** Writes a file from its start, block by block: one is filled while the one before it is on its way to the disk. */
export class BlockWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  #direct: DirectFile | undefined;
  #mayGoDirect = true;
  #block: Buffer = Buffer.allocUnsafeSlow(blockBytes);
  #filledBytes = 0;
  #otherBlock: Buffer | undefined;
  #writing = Promise.resolve();
  #syncing = Promise.resolve();
  #isSyncing = false;
  #unsyncedBytes = 0;
  #writtenBytes = 0;

  /** The file is this writer's from now on. */
  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** What the system has taken. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The bytes are the caller's again when this returns. What failed in the background is thrown by the next step. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      const fits = rest.subarray(0, this.#block.length - this.#filledBytes);
      this.#block.set(fits, this.#filledBytes);
      this.#filledBytes += fits.length;
      rest = rest.subarray(fits.length);
      if (this.#filledBytes === this.#block.length) await this.#turn();
    }
  }

  /** Everything is written and on stable storage. */
  async finish(): Promise<void> {
    await this.#writing;
    await this.#writeLast();
    await this.#syncing;
    await this.#file.sync();
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
    await this.#direct?.handle.close();
    await this.#file.close();
  }

  /** Has the full block written, and goes on with the other one. */
  async #turn(): Promise<void> {
    await this.#writing;
    if (this.#mayGoDirect && this.#writtenBytes >= directFromBytes) await this.#goDirect();
    const full = this.#block;
    this.#writing = this.#writeOut(full);
    // It is met by the next step; until then it must not count as unhandled.
    this.#writing.catch(() => undefined);
    this.#block = this.#otherBlock ?? Buffer.allocUnsafeSlow(blockBytes);
    this.#otherBlock = full;
    this.#filledBytes = 0;
  }

  async #goDirect(): Promise<void> {
    this.#mayGoDirect = false;
    this.#direct = await openDirect(this.#file, this.#path, blockBytes);
    if (this.#direct === undefined) return;
    const [one, other] = this.#direct.blocks;
    one.set(this.#block);
    this.#block = one;
    this.#otherBlock = other;
  }

  /** Past the page cache a write ends where a disk's block ends: what is too long is cut off again. */
  async #writeLast(): Promise<void> {
    const sizeBytes = this.#writtenBytes + this.#filledBytes;
    const end = this.#direct === undefined ? this.#filledBytes : Math.ceil(this.#filledBytes / directAlignment) * directAlignment;
    await this.#writeOut(this.#block.fill(0, this.#filledBytes, end).subarray(0, end));
    if (this.#writtenBytes === sizeBytes) return;
    await this.#file.truncate(sizeBytes);
    this.#writtenBytes = sizeBytes;
  }

  async #writeOut(bytes: Uint8Array): Promise<void> {
    try {
      await writeAll(this.#direct?.handle ?? this.#file, bytes, this.#writtenBytes);
    } catch (error) {
      // A disk with larger blocks than any known.
      if (this.#direct === undefined || !isSystemError(error, 'EINVAL')) throw error;
      await this.#direct.handle.close();
      this.#direct = undefined;
      await writeAll(this.#file, bytes, this.#writtenBytes);
    }
    this.#writtenBytes += bytes.length;
    if (this.#direct === undefined) await this.#syncBehind(bytes.length);
  }

  async #syncBehind(sizeBytes: number): Promise<void> {
    this.#unsyncedBytes += sizeBytes;
    if (this.#unsyncedBytes < syncEveryBytes || this.#isSyncing) return;
    // Settled, and thrown when it failed: the system tells such a failure only once.
    await this.#syncing;
    this.#unsyncedBytes = 0;
    this.#isSyncing = true;
    this.#syncing = this.#file.datasync().finally(() => {
      this.#isSyncing = false;
    });
    this.#syncing.catch(() => undefined);
  }
}

/** A write may take less than it was given, above all when the disk is nearly full. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
