import { HoldfastError, throwIfAborted } from '../../src/domain/errors.ts';
import { untilAborted } from '../../src/platform/until-aborted.ts';
import { checkObjectName } from '../../src/ports/object-store.ts';
import type { GetOptions, ObjectStat, ObjectStore } from '../../src/ports/object-store.ts';

/** What outlives the process that writes: whole objects, and what interrupted puts left. */
export interface MemoryPlace {
  readonly objects: Map<string, Uint8Array>;
  readonly unfinished: Set<string>;
}

export function memoryPlace(): MemoryPlace {
  return { objects: new Map(), unfinished: new Set() };
}

/** An object store that keeps every promise, in memory. */
export class MemoryObjectStore implements ObjectStore {
  readonly place: MemoryPlace;

  constructor(place: MemoryPlace = memoryPlace()) {
    this.place = place;
  }

  async put(name: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ObjectStat> {
    checkObjectName(name);
    throwIfAborted(signal);
    this.#refuseTaken(name);
    const chunks: Uint8Array[] = [];
    for await (const chunk of untilAborted(body, signal)) chunks.push(Uint8Array.from(chunk));
    throwIfAborted(signal);
    this.#refuseTaken(name);
    const bytes = new Uint8Array(Buffer.concat(chunks));
    this.place.objects.set(name, bytes);
    return { name, sizeBytes: bytes.length };
  }

  #refuseTaken(name: string): void {
    if (this.place.objects.has(name))
      throw new HoldfastError('NAME_TAKEN', `Cannot store "${name}": it exists already`, { hint: 'Use another name' });
  }

  async *get(name: string, { offset = 0, sizeBytes = Infinity, signal }: GetOptions): AsyncGenerator<Uint8Array, void, undefined> {
    checkObjectName(name);
    throwIfAborted(signal);
    const bytes = this.place.objects.get(name);
    if (bytes === undefined)
      throw new HoldfastError('OBJECT_MISSING', `Cannot read "${name}": it is not there`, { hint: 'Look in another store' });
    const end = Math.min(bytes.length, offset + sizeBytes);
    for (let position = offset; position < end; position += 65_536) {
      yield bytes.slice(position, Math.min(end, position + 65_536));
      throwIfAborted(signal);
    }
  }

  async stat(name: string, signal: AbortSignal): Promise<ObjectStat | undefined> {
    checkObjectName(name);
    throwIfAborted(signal);
    const bytes = this.place.objects.get(name);
    return bytes === undefined ? undefined : { name, sizeBytes: bytes.length };
  }

  async *list(signal: AbortSignal): AsyncGenerator<ObjectStat, void, undefined> {
    throwIfAborted(signal);
    for (const [name, bytes] of this.place.objects.entries().toArray()) yield { name, sizeBytes: bytes.length };
  }

  async *unfinished(signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    throwIfAborted(signal);
    yield* this.place.unfinished.values().toArray();
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    checkObjectName(name);
    throwIfAborted(signal);
    this.place.objects.delete(name);
    this.place.unfinished.delete(name);
  }

  async discardUnfinished(name: string, signal: AbortSignal): Promise<void> {
    checkObjectName(name);
    throwIfAborted(signal);
    this.place.unfinished.delete(name);
  }

  async locatedOn(): Promise<null> {
    return null;
  }

  async space(): Promise<null> {
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The place outlives whoever opened it.
  }
}
