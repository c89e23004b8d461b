import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { HoldfastError } from '../../domain/errors.ts';
import { createPrivateFile, publishNew, syncDirectory, unlinkIfPresent } from '../../platform/atomic-file.ts';
import { BlockWriter } from './block-writer.ts';
import type { StoreDirectory } from './store-directory.ts';

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
  readonly #writer: BlockWriter;

  private constructor(directory: StoreDirectory, path: string, handle: FileHandle) {
    this.#directory = directory;
    this.#path = path;
    this.#handle = handle;
    this.#writer = new BlockWriter(handle, path);
  }

  static async create(directory: StoreDirectory, name: string): Promise<PartialFile> {
    const path = directory.pathOf(`.${name}.${randomBytes(8).toString('hex')}.partial`);
    return new PartialFile(directory, path, await createPrivateFile(path));
  }

  get writtenBytes(): number {
    return this.#writer.writtenBytes;
  }

  /** Device that the file is on: another one than its directory's means that the directory was replaced meanwhile. */
  async device(): Promise<bigint> {
    return (await this.#handle.stat({ bigint: true })).dev;
  }

  /** The chunk is the caller's again when this returns. */
  async write(chunk: Uint8Array): Promise<void> {
    await this.#writer.write(chunk);
  }

  /** Everything is written, of the right length and on stable storage. */
  async finish(): Promise<void> {
    await this.#writer.finish();
    const { size } = await this.#handle.stat();
    if (size !== this.writtenBytes) throw lengthMismatch(this.#path, { written: this.writtenBytes, found: size });
  }

  /** Gives the file its final name; EEXIST when that is taken. Durable on return. */
  async publish(finalPath: string): Promise<void> {
    await publishNew(this.#path, finalPath);
    try {
      await this.#writer.close();
      await syncDirectory(this.#directory.path);
    } catch (error) {
      await unlinkIfPresent(finalPath);
      throw error;
    }
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    try {
      await unlinkIfPresent(this.#path);
    } finally {
      await this.#writer.close();
    }
  }
}

function lengthMismatch(path: string, sizes: { readonly written: number; readonly found: number }): HoldfastError {
  return new HoldfastError('LENGTH_MISMATCH', `Cannot trust "${path}": ${sizes.written} bytes were written, ${sizes.found} are there`, {
    hint: 'Check the drive and its file system (dmesg, fsck): it lost what was written',
    details: sizes,
  });
}
