import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { HoldfastError } from '../../domain/errors.ts';
import { createPrivateFile, publishNew, syncDirectory, unlinkIfPresent } from '../../platform/atomic-file.ts';
import type { StoreDirectory } from './store-directory.ts';

/** Small chunks are gathered until a write is worth its system call. */
const gatheredAtMost = 256 * 1024;
/** So much may wait in the page cache: the disk then works all along, and the last fsync finds little left to do. */
const syncEveryBytes = 64 * 1024 * 1024;

const partialPattern = /^\.(.+)\.[0-9a-f]{16}\.partial$/;

/** The object that a partial file was meant to become; undefined for any other file. */
export function objectNameOfPartial(fileName: string): string | undefined {
  return partialPattern.exec(fileName)?.[1];
}

/**
 * A file that is being written under a name of its own, beside the final one. The name is random, so two writers of one
 * object never write into the same file, and what a dead one left is in nobody's way.
 */
export class PartialFile {
  readonly #directory: StoreDirectory;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #gathered = Buffer.allocUnsafeSlow(gatheredAtMost);
  #gatheredBytes = 0;
  #syncing: Promise<void> | undefined;
  #unsyncedBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #writtenBytes = 0;

  private constructor(directory: StoreDirectory, path: string, handle: FileHandle) {
    this.#directory = directory;
    this.#path = path;
    this.#handle = handle;
  }

  static async create(directory: StoreDirectory, name: string): Promise<PartialFile> {
    const path = directory.pathOf(`.${name}.${randomBytes(8).toString('hex')}.partial`);
    return new PartialFile(directory, path, await createPrivateFile(path));
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Device that the file is on: another one than its directory's means that the directory was replaced meanwhile. */
  async device(): Promise<bigint> {
    return (await this.#handle.stat({ bigint: true })).dev;
  }

  /** The chunk is the caller's again when this returns. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#throwFailure();
    if (chunk.length >= gatheredAtMost) return await this.#writeAll([chunk]);
    if (this.#gatheredBytes + chunk.length > gatheredAtMost) await this.#writeAll([]);
    this.#gathered.set(chunk, this.#gatheredBytes);
    this.#gatheredBytes += chunk.length;
  }

  /** What was gathered, then the chunks. */
  async #writeAll(chunks: readonly Uint8Array[]): Promise<void> {
    const all = [this.#gathered.subarray(0, this.#gatheredBytes), ...chunks].filter(({ length }) => length > 0);
    this.#gatheredBytes = 0;
    await writeAll(this.#handle, all);
    this.#wrote(all.reduce((sum, { length }) => sum + length, 0));
  }

  #wrote(sizeBytes: number): void {
    this.#writtenBytes += sizeBytes;
    this.#unsyncedBytes += sizeBytes;
    if (this.#unsyncedBytes < syncEveryBytes || this.#syncing !== undefined) return;
    this.#unsyncedBytes = 0;
    this.#syncing = this.#remember(this.#handle.datasync()).then(() => {
      this.#syncing = undefined;
    });
  }

  /** What fails in the background is thrown by the next step, once. */
  async #remember(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Everything is written, of the right length and on stable storage. */
  async finish(): Promise<void> {
    await this.#writeAll([]);
    await this.#syncing;
    this.#throwFailure();
    const { size } = await this.#handle.stat();
    if (size !== this.#writtenBytes) throw lengthMismatch(this.#path, { written: this.#writtenBytes, found: size });
    await this.#handle.sync();
  }

  /** Gives the file its final name; EEXIST when that is taken. Durable on return. */
  async publish(finalPath: string): Promise<void> {
    await publishNew(this.#path, finalPath);
    try {
      await this.#handle.close();
      await syncDirectory(this.#directory.path);
    } catch (error) {
      await unlinkIfPresent(finalPath);
      throw error;
    }
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.#syncing;
    try {
      await unlinkIfPresent(this.#path);
    } finally {
      await this.#handle.close();
    }
  }
}

/** A write may take less than it was given, above all when the disk is nearly full. */
async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = chunks;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest);
    rest = withoutFirst(rest, bytesWritten);
  }
}

function withoutFirst(chunks: readonly Uint8Array[], sizeBytes: number): readonly Uint8Array[] {
  let skip = sizeBytes;
  for (const [index, chunk] of chunks.entries()) {
    if (skip < chunk.length) return [chunk.subarray(skip), ...chunks.slice(index + 1)];
    skip -= chunk.length;
  }
  return [];
}

function lengthMismatch(path: string, sizes: { readonly written: number; readonly found: number }): HoldfastError {
  return new HoldfastError('LENGTH_MISMATCH', `Cannot trust "${path}": ${sizes.written} bytes were written, ${sizes.found} are there`, {
    hint: 'Check the drive and its file system (dmesg, fsck): it lost what was written',
    details: sizes,
  });
}
