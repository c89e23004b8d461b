import type { TreeEntry } from '../../domain/tree-entry.ts';
import type { TreeWriter, TreeWriterOptions } from '../../ports/tree-target.ts';
import { corruptEntry } from './restored-path.ts';
import type { FreshDirectory } from './fresh-directory.ts';
import { contentBytes, type EntryOperation, entryOperation, type WriteOperation } from './write-operation.ts';
import { WorkerThread } from './worker-thread.ts';

export interface WriterSettings {
  /** As a latin1 path. */
  readonly directory: string;
  readonly owners: boolean;
  readonly durable: boolean;
}

export type WriterRequest =
  | { readonly kind: 'write'; readonly operations: readonly WriteOperation[]; readonly data: ArrayBuffer }
  | { readonly kind: 'finish' };

export type WriterAnswer =
  | { readonly kind: 'written'; readonly data: ArrayBuffer }
  | { readonly kind: 'finished'; readonly entries: number; readonly remarks: readonly string[] };

const batchBytes = 1 << 20;
const batchOperations = 256;
const buffers = 6;

interface Batch {
  operations: WriteOperation[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  used: number;
}

/**
 * Gathers entries and their bytes into batches, which another thread makes into files: creating them takes longer than
 * unpacking them, and so the two go on at the same time.
 */
export class ThreadedTreeWriter implements TreeWriter {
  readonly #directory: FreshDirectory;
  readonly #thread: WorkerThread<WriterRequest, WriterAnswer>;
  readonly #free: Uint8Array<ArrayBuffer>[] = Array.from({ length: buffers }, () => new Uint8Array(batchBytes));
  #batch: Batch | undefined;
  #file: { readonly entry: EntryOperation; missingBytes: number } | undefined;
  #returned = Promise.withResolvers<void>();
  #failure: Error | undefined;
  #isFinished = false;

  constructor(directory: FreshDirectory, { owners, durable = true }: TreeWriterOptions) {
    this.#directory = directory;
    const settings: WriterSettings = { directory: directory.path, owners, durable };
    this.#thread = new WorkerThread(new URL('./tree-writer-thread.ts', import.meta.url), settings);
  }

  begin(entry: TreeEntry): void | Promise<void> {
    if (this.#file !== undefined) throw new Error('an entry begins before the one before it ended');
    const operation = entryOperation(entry);
    if (operation.type === 'file') this.#file = { entry: operation, missingBytes: contentBytes(operation) };
    return this.#add({ entry: operation, dataBytes: 0, ends: operation.type !== 'file' });
  }

  write(bytes: Uint8Array): void | Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new Error('file content arrives outside a file');
    if (bytes.length > file.missingBytes) throw corruptEntry(file.entry.path, 'it has more content than its size says');
    file.missingBytes -= bytes.length;
    return this.#copy(bytes);
  }

  endFile(): void | Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new Error('a file ends that did not begin');
    if (file.missingBytes > 0) throw corruptEntry(file.entry.path, `${file.missingBytes} bytes of its content are missing`);
    this.#file = undefined;
    const last = this.#batch?.operations.at(-1);
    if (last === undefined) return this.#add({ entry: null, dataBytes: 0, ends: true });
    last.ends = true;
  }

  async finish(): Promise<{ readonly entries: number; readonly remarks: readonly string[] }> {
    if (this.#file !== undefined) throw corruptEntry(this.#file.entry.path, 'the archive ends within it');
    this.#send();
    const answer = await this.#thread.ask({ kind: 'finish' }).catch((error: unknown) => {
      throw this.#failure ?? error;
    });
    if (this.#failure !== undefined) throw this.#failure;
    if (answer.kind !== 'finished') throw new Error('the writing thread gave the wrong answer');
    this.#isFinished = true;
    await this.#thread.end();
    return { entries: answer.entries, remarks: answer.remarks };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isFinished) return;
    this.#isFinished = true;
    await this.#thread.end();
    await this.#directory.undo();
  }

  #add(operation: WriteOperation): void | Promise<void> {
    const batch = this.#currentBatch();
    if (batch === undefined) return this.#whenFree().then(() => this.#add(operation));
    batch.operations.push(operation);
    if (batch.operations.length === batchOperations) this.#send();
  }

  #copy(bytes: Uint8Array): void | Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const batch = this.#currentBatch();
      if (batch === undefined) {
        const later = rest;
        return this.#whenFree().then(() => this.#copy(later));
      }
      rest = rest.subarray(fill(batch, rest));
      if (batch.used === batchBytes) this.#send();
    }
  }

  /** Undefined when all buffers are with the thread. */
  #currentBatch(): Batch | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#batch !== undefined) return this.#batch;
    const bytes = this.#free.pop();
    if (bytes !== undefined) this.#batch = { operations: [], bytes, used: 0 };
    return this.#batch;
  }

  async #whenFree(): Promise<void> {
    while (this.#free.length === 0 && this.#failure === undefined) await this.#returned.promise;
  }

  #send(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    const data = batch.bytes.buffer;
    this.#thread.ask({ kind: 'write', operations: batch.operations, data }, [data]).then(
      (answer) => {
        if (answer.kind === 'written') this.#free.push(new Uint8Array(answer.data));
        this.#signal();
      },
      (error: Error) => {
        this.#failure ??= error;
        this.#signal();
      },
    );
  }

  #signal(): void {
    this.#returned.resolve();
    this.#returned = Promise.withResolvers<void>();
  }
}

/** Takes what fits of the bytes of the file that is open; returns how many. */
function fill(batch: Batch, bytes: Uint8Array): number {
  const fits = Math.min(bytes.length, batch.bytes.length - batch.used);
  batch.bytes.set(fits === bytes.length ? bytes : bytes.subarray(0, fits), batch.used);
  batch.used += fits;
  const last = batch.operations.at(-1);
  if (last === undefined) batch.operations.push({ entry: null, dataBytes: fits, ends: false });
  else last.dataBytes += fits;
  return fits;
}
