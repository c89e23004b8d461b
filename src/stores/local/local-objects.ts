import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, open, readdir, statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from '../../domain/errors.ts';
import { syncDirectory, unlinkIfPresent } from '../../platform/atomic-file.ts';
import { isSystemError } from '../../platform/system-error.ts';
import { untilAborted } from '../../platform/until-aborted.ts';
import type { Log } from '../../ports/log.ts';
import { checkObjectName, objectNamePattern } from '../../ports/object-store.ts';
import type { GetOptions, ObjectStat, ObjectStore } from '../../ports/object-store.ts';
import {
  directoryReplaced,
  meansFull,
  nameTaken,
  notRegular,
  objectMissing,
  partialRemoved,
  storeFull,
  translated,
} from './local-errors.ts';
import type { Attempt } from './local-errors.ts';
import { PartialFile, objectNameOfPartial } from './partial-file.ts';
import { StoreDirectory } from './store-directory.ts';

const readBytes = 1024 * 1024;
/** Files looked at together while listing. */
const listWidth = 32;
// A link is refused, and a FIFO that somebody put there must not block.
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Objects as files of one directory. Holds nothing open between calls. */
export class LocalObjects implements ObjectStore {
  readonly #directory: StoreDirectory;
  readonly #log: Log;

  constructor(path: string, log: Log) {
    this.#directory = new StoreDirectory(path);
    this.#log = log;
  }

  async put(name: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ObjectStat> {
    checkObjectName(name);
    throwIfAborted(signal);
    const attempt = this.#attempt('store', name);
    const device = await this.#directory.make(attempt);
    if ((await this.#look(attempt)) !== undefined) throw nameTaken(attempt);
    const partial = await this.#create(name, attempt);
    try {
      if ((await ofFile(partial.device())) !== device) throw directoryReplaced(attempt);
      for await (const chunk of untilAborted(body, signal)) await ofFile(partial.write(chunk));
      await ofFile(partial.finish());
      await this.#directory.require(attempt);
      throwIfAborted(signal);
      await ofFile(partial.publish(this.#directory.pathOf(name)));
      return { name, sizeBytes: partial.writtenBytes };
    } catch (error) {
      await this.#discard(partial, attempt);
      throw error instanceof FileFailure ? await this.#putFailure(error.cause, attempt, partial.writtenBytes) : error;
    }
  }

  async *get(name: string, { offset = 0, sizeBytes = Infinity, signal }: GetOptions): AsyncGenerator<Uint8Array, void, undefined> {
    checkObjectName(name);
    throwIfAborted(signal);
    const attempt = this.#attempt('read', name);
    await using file = await this.#open(attempt);
    for (let position = offset, left = sizeBytes; left > 0;) {
      const chunk = await this.#read(file, { position, sizeBytes: Math.min(left, readBytes) }, attempt);
      throwIfAborted(signal);
      const { length } = chunk;
      if (length === 0) return;
      yield chunk;
      position += length;
      left -= length;
    }
  }

  async stat(name: string, signal: AbortSignal): Promise<ObjectStat | undefined> {
    checkObjectName(name);
    throwIfAborted(signal);
    const attempt = this.#attempt('look for', name);
    await this.#directory.require(attempt);
    const found = await this.#look(attempt);
    if (found === undefined) return undefined;
    if (!found.isFile()) throw notRegular(attempt);
    return { name, sizeBytes: found.size };
  }

  async *list(signal: AbortSignal): AsyncGenerator<ObjectStat, void, undefined> {
    const names = (await this.#fileNames(signal)).filter((fileName) => objectNamePattern.test(fileName));
    for (let start = 0; start < names.length; start += listWidth) {
      throwIfAborted(signal);
      const window = names.slice(start, start + listWidth);
      const found = await Promise.all(window.map((name) => this.#look(this.#attempt('look for', name))));
      for (const [index, name] of window.entries()) {
        const stats = found[index];
        if (stats?.isFile() === true) yield { name, sizeBytes: stats.size };
      }
    }
  }

  async *unfinished(signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const names = (await this.#fileNames(signal)).map(objectNameOfPartial);
    yield* new Set(names.filter((name) => name !== undefined));
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    checkObjectName(name);
    await this.#unlinkAll([name, ...(await this.#partialsOf(name, signal))], this.#attempt('remove', name));
  }

  async discardUnfinished(name: string, signal: AbortSignal): Promise<void> {
    checkObjectName(name);
    await this.#unlinkAll(await this.#partialsOf(name, signal), this.#attempt('remove', name));
  }

  /** The device: another one at the same path is another drive, or the mount point of one that is not mounted. */
  async locatedOn(signal: AbortSignal): Promise<string> {
    throwIfAborted(signal);
    return `device ${await this.#directory.deviceThere(this.#attempt('look for'))}`;
  }

  async space(signal: AbortSignal): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    throwIfAborted(signal);
    await this.#directory.require(this.#attempt('look for'));
    return this.#space();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every call closes what it opened.
  }

  #attempt(verb: Attempt['verb'], name?: string): Attempt {
    return { verb, directory: this.#directory.path, ...(name === undefined ? {} : { name }) };
  }

  #pathOf({ name = '.' }: Attempt): string {
    return this.#directory.pathOf(name);
  }

  async #look(attempt: Attempt): Promise<Stats | undefined> {
    try {
      return await lstat(this.#pathOf(attempt));
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw translated(error, attempt);
    }
  }

  async #create(name: string, attempt: Attempt): Promise<PartialFile> {
    try {
      return await PartialFile.create(this.#directory, name);
    } catch (error) {
      throw await this.#putFailure(error, attempt, 0);
    }
  }

  /** After what was written has been removed, so that the free space told is what the next attempt would find. */
  async #putFailure(error: unknown, attempt: Attempt, writtenBytes: number): Promise<unknown> {
    if (isSystemError(error, 'EEXIST')) return nameTaken(attempt, error);
    if (meansFull(error)) return storeFull(error, attempt, { freeBytes: await this.#freeBytes(), writtenBytes });
    if (!isSystemError(error, 'ENOENT')) return translated(error, attempt);
    return this.#directory.require(attempt).then(
      () => partialRemoved(attempt, error),
      (absent: unknown) => absent,
    );
  }

  async #discard(partial: PartialFile, attempt: Attempt): Promise<void> {
    try {
      await partial.discard();
    } catch (error) {
      this.#log.warn(`Could not remove what was written of "${attempt.name}"; the next run will`, {
        directory: attempt.directory,
        error: String(error),
      });
    }
  }

  async #open(attempt: Attempt): Promise<FileHandle> {
    await this.#directory.require(attempt);
    try {
      const file = await open(this.#pathOf(attempt), openFlags);
      if (await isRegular(file)) return file;
    } catch (error) {
      throw isSystemError(error, 'ENOENT') ? objectMissing(attempt, error) : translated(error, attempt);
    }
    throw notRegular(attempt);
  }

  async #read(file: FileHandle, range: { readonly position: number; readonly sizeBytes: number }, attempt: Attempt): Promise<Uint8Array> {
    try {
      const buffer = Buffer.allocUnsafeSlow(range.sizeBytes);
      const { bytesRead } = await file.read(buffer, 0, range.sizeBytes, range.position);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      throw translated(error, attempt);
    }
  }

  async #fileNames(signal: AbortSignal): Promise<readonly string[]> {
    throwIfAborted(signal);
    const attempt = this.#attempt('list');
    await this.#directory.require(attempt);
    try {
      return await readdir(this.#directory.path);
    } catch (error) {
      throw translated(error, attempt);
    }
  }

  async #partialsOf(name: string, signal: AbortSignal): Promise<readonly string[]> {
    return (await this.#fileNames(signal)).filter((fileName) => objectNameOfPartial(fileName) === name);
  }

  async #unlinkAll(fileNames: readonly string[], attempt: Attempt): Promise<void> {
    try {
      for (const fileName of fileNames) await unlinkIfPresent(this.#directory.pathOf(fileName));
      if (fileNames.length > 0) await syncDirectory(this.#directory.path);
    } catch (error) {
      throw translated(error, attempt);
    }
  }

  async #space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    try {
      const { bavail, blocks, bsize } = await statfs(this.#directory.path);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    } catch (error) {
      throw translated(error, this.#attempt('look for'));
    }
  }

  async #freeBytes(): Promise<number | null> {
    try {
      return (await this.#space()).freeBytes;
    } catch (error) {
      this.#log.debug('Could not find out how much space is free', { error: String(error) });
      return null;
    }
  }
}

/** Closes the file unless it is one. */
async function isRegular(file: FileHandle): Promise<boolean> {
  let regular = false;
  try {
    regular = (await file.stat()).isFile();
    return regular;
  } finally {
    if (!regular) await file.close();
  }
}

/** Tells what a file operation of ours threw from what the body threw, which may be a failed system call too. */
class FileFailure extends Error {
  override readonly cause: unknown;

  constructor(cause: unknown) {
    super('file operation failed', { cause });
    this.cause = cause;
  }
}

async function ofFile<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw new FileFailure(error);
  }
}
