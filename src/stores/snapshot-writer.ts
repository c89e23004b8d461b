import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { Manifest, Part } from '../domain/manifest.ts';
import type { Log } from '../ports/log.ts';
import type { ObjectStat, ObjectStore } from '../ports/object-store.ts';
import type { SnapshotIntent, SnapshotWriter } from '../ports/store.ts';
import { backupIntentNameOf, manifestNameOf } from './archive-names.ts';
import { inOneChunk, sha256Of } from './manifest-object.ts';
import type { ManifestCodec } from './manifest-object.ts';

/** Removing what a run put is no part of the run, and an abort of the run must not stop it. */
const unstoppable = new AbortController().signal;

/** Writes one announced snapshot: parts first, manifest last. */
export class ObjectSnapshotWriter implements SnapshotWriter {
  readonly #intent: SnapshotIntent;
  readonly #objects: ObjectStore;
  readonly #codec: ManifestCodec;
  readonly #log: Log;
  /** Objects that were begun, whole or not: all that may have to be removed. Never what somebody else put under such a name. */
  readonly #begun = new Set<string>();
  #state: 'writing' | 'committed' | 'undone' = 'writing';

  constructor(intent: SnapshotIntent, world: { readonly objects: ObjectStore; readonly codec: ManifestCodec; readonly log: Log }) {
    this.#intent = intent;
    this.#objects = world.objects;
    this.#codec = world.codec;
    this.#log = world.log;
  }

  async put(partName: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ObjectStat> {
    if (!this.#intent.partNames.includes(partName)) throw unannounced(partName, this.#intent);
    let givenBytes = 0;
    const stored = await this.#put(
      partName,
      counted(body, (sizeBytes) => (givenBytes += sizeBytes)),
      signal,
    );
    if (stored.sizeBytes !== givenBytes) throw lengthMismatch(partName, { expected: givenBytes, found: stored.sizeBytes });
    return stored;
  }

  async #put(name: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ObjectStat> {
    if (this.#begun.has(name) || (await this.#objects.stat(name, signal)) !== undefined) throw objectExists(name);
    this.#begun.add(name);
    return this.#objects.put(name, body, signal).catch((error: unknown) => {
      if (isHoldfastError(error, 'NAME_TAKEN')) this.#begun.delete(name);
      throw error;
    });
  }

  async commit(manifest: Manifest, signal: AbortSignal): Promise<{ readonly manifestSha256: string }> {
    this.#checkManifest(manifest);
    for (const part of manifest.parts) await this.#checkStored(part, signal);
    const bytes = this.#codec.encode(manifest);
    await this.#put(manifestNameOf(manifest.id), inOneChunk(bytes), signal);
    this.#state = 'committed';
    await this.#withdraw();
    return { manifestSha256: sha256Of(bytes) };
  }

  #checkManifest(manifest: Manifest): void {
    const wrong = this.#problemOf(manifest);
    if (wrong === undefined) return;
    throw new HoldfastError('INTERNAL', `Cannot commit snapshot "${this.#intent.id}": ${wrong}`, {
      hint: 'Report this as a bug of Holdfast',
    });
  }

  #problemOf(manifest: Manifest): string | undefined {
    if (this.#state !== 'writing') return `it is ${this.#state} already`;
    if (manifest.id !== this.#intent.id || manifest.plan !== this.#intent.plan)
      return `the manifest is of "${manifest.id}" of plan "${manifest.plan}"`;
    const names = manifest.parts.map((part) => part.name).toSorted();
    const begun = [...this.#begun].toSorted();
    // A part that the manifest did not list would stay in the store for ever, with nothing to tell whose it is.
    return names.join('/') === begun.join('/') ? undefined : `the manifest lists ${names.join(', ')}, but ${begun.join(', ')} were put`;
  }

  async #checkStored(part: Part, signal: AbortSignal): Promise<void> {
    const found = await this.#objects.stat(part.name, signal);
    if (found?.sizeBytes !== part.sizeBytes) throw lengthMismatch(part.name, { expected: part.sizeBytes, found: found?.sizeBytes ?? null });
  }

  /** The snapshot exists; a leftover announcement is harmless and must not make its run look failed. */
  async #withdraw(): Promise<void> {
    const name = backupIntentNameOf(this.#intent.id);
    try {
      await this.#objects.remove(name, unstoppable);
    } catch (error) {
      this.#log.warn(`Could not remove the announcement "${name}" of a finished snapshot; the next run will`, { error: String(error) });
    }
  }

  /** Newest first, so that a manifest goes before its parts; announcement last: when something stays behind, the next run knows what it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'writing') return;
    this.#state = 'undone';
    const { id } = this.#intent;
    try {
      for (const name of [...[...this.#begun].toReversed(), backupIntentNameOf(id)]) await this.#objects.remove(name, unstoppable);
    } catch (error) {
      this.#log.warn(`Could not remove all that was written of snapshot "${id}"; the next run will`, { error: String(error) });
    }
  }
}

async function* counted(body: AsyncIterable<Uint8Array>, count: (sizeBytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of body) {
    count(chunk.length);
    yield chunk;
  }
}

function unannounced(partName: string, intent: SnapshotIntent): HoldfastError {
  return new HoldfastError('NAME_INVALID', `Cannot store "${partName}": snapshot "${intent.id}" did not announce it`, {
    hint: 'Report this as a bug of Holdfast',
  });
}

function objectExists(name: string): HoldfastError {
  return new HoldfastError('NAME_TAKEN', `Cannot store "${name}": the store has an object of that name already`, {
    hint: 'Set fileName of the plan so that no two plans that share a store make the same names, then run the command again',
  });
}

function lengthMismatch(partName: string, sizes: { readonly expected: number; readonly found: number | null }): HoldfastError {
  const found = sizes.found === null ? 'it is not there' : `${sizes.found} bytes are stored`;
  return new HoldfastError('LENGTH_MISMATCH', `Cannot trust part "${partName}": ${sizes.expected} bytes were given, ${found}`, {
    hint: 'Check the store with holdfast probe, then run the backup again',
    details: { part: partName, ...sizes },
  });
}
