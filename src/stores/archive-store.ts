import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { ObjectStat, ObjectStore } from '../ports/object-store.ts';
import type { ByteRange, SnapshotIntent, SnapshotWriter, Store, StoredManifest } from '../ports/store.ts';
import { readIntents } from './announcements.ts';
import { backupIntentNameOf, checkPartName, idOfManifest, manifestNameOf, removalIntentNameOf } from './archive-names.ts';
import { encodeIntent, newIntent } from './intent.ts';
import type { Intent } from './intent.ts';
import { inOneChunk, readRecord, sha256Of } from './manifest-object.ts';
import type { ManifestCodec } from './manifest-object.ts';
import { ObjectSnapshotWriter } from './snapshot-writer.ts';
import { sweep } from './sweep.ts';

export interface ArchiveStoreOptions {
  readonly objects: ObjectStore;
  readonly name: string;
  readonly location: string;
  /** Identifies this copy of Holdfast among all that write to the store. */
  readonly installation: string;
  readonly codec: ManifestCodec;
  readonly clock: Clock;
  readonly log: Log;
}

/** Snapshots as objects: `<id>.manifest.json`, the parts it names, and an announcement while one comes or goes. */
export function openArchiveStore(options: ArchiveStoreOptions): Store {
  return new ArchiveStore(options);
}

/** Manifests read together while listing. */
const listWidth = 8;

const probeAttempts = 5;
/** What another plan of this installation that probes at the same moment can cause. */
const probeCollisions: readonly ErrorCode[] = ['NAME_TAKEN', 'OBJECT_MISSING', 'DIGEST_MISMATCH', 'STORE_FAILED'];

/** A probe that is told to stop takes away what it put, all the same. */
const unstoppable = new AbortController().signal;

class ArchiveStore implements Store {
  readonly name: string;
  readonly location: string;
  readonly #options: ArchiveStoreOptions;
  readonly #objects: ObjectStore;

  constructor(options: ArchiveStoreOptions) {
    this.name = options.name;
    this.location = options.location;
    this.#options = options;
    this.#objects = options.objects;
  }

  async begin(intent: SnapshotIntent, signal: AbortSignal): Promise<SnapshotWriter> {
    intent.partNames.forEach(checkPartName);
    await this.#announce('backup', intent, signal);
    const writer = new ObjectSnapshotWriter(intent, this.#options);
    try {
      if ((await this.#objects.stat(manifestNameOf(intent.id), signal)) !== undefined) throw snapshotExists(intent.id);
      await this.#requireUnclaimed(intent, signal);
      return writer;
    } catch (error) {
      await writer[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Of two runs that announce the same part at the same time at least one sees the other's announcement. */
  async #requireUnclaimed({ id, partNames }: SnapshotIntent, signal: AbortSignal): Promise<void> {
    const names: string[] = [];
    for await (const { name } of this.#objects.list(signal)) names.push(name);
    const others = (await readIntents(names, this.#options, signal)).filter((intent) => intent.verb === 'backup' && intent.id !== id);
    for (const other of others) {
      const claimed = other.partNames.find((name) => partNames.includes(name));
      if (claimed !== undefined) throw partClaimed(claimed, other);
    }
  }

  async #announce(verb: Intent['verb'], { id, plan, partNames }: SnapshotIntent, signal: AbortSignal): Promise<void> {
    const { installation, clock } = this.#options;
    const intent = newIntent({ verb, id, plan, installation, startedAt: clock.now().toISOString(), partNames });
    const name = verb === 'backup' ? backupIntentNameOf(id) : removalIntentNameOf(id);
    await this.#objects.put(name, inOneChunk(encodeIntent(intent)), signal);
  }

  async *list(signal: AbortSignal): AsyncGenerator<StoredManifest, void, undefined> {
    const ids = await this.listNames(signal);
    for (let start = 0; start < ids.length; start += listWidth) {
      const window = await Promise.all(ids.slice(start, start + listWidth).map((id) => this.#stored(id, signal)));
      for (const stored of window) if (stored !== undefined) yield stored;
    }
  }

  /** Undefined when it was removed since its name was listed. */
  async #stored(id: string, signal: AbortSignal): Promise<StoredManifest | undefined> {
    const objectName = manifestNameOf(id);
    try {
      return { kind: 'readable', objectName, ...(await this.readManifest(id, signal)) };
    } catch (error) {
      if (isHoldfastError(error, 'OBJECT_MISSING')) return undefined;
      if (signal.aborted || isHoldfastError(error, 'STORE_ABSENT') || !(error instanceof Error)) throw error;
      return { kind: 'unreadable', objectName, error };
    }
  }

  async listNames(signal: AbortSignal): Promise<readonly string[]> {
    const ids: string[] = [];
    for await (const { name } of this.#objects.list(signal)) {
      const id = idOfManifest(name);
      if (id !== undefined) ids.push(id);
    }
    return ids;
  }

  async readManifest(id: string, signal: AbortSignal): Promise<{ readonly manifest: Manifest; readonly sha256: string }> {
    const objectName = manifestNameOf(id);
    const bytes = await readRecord(this.#objects, objectName, signal);
    const manifest = this.#options.codec.decode(bytes, `${this.location}/${objectName}`);
    if (manifest.id !== id) throw manifestSwapped(objectName, manifest.id, this.location);
    return { manifest, sha256: sha256Of(bytes) };
  }

  readPart(name: string, signal: AbortSignal, range?: ByteRange): AsyncIterable<Uint8Array> {
    return this.#objects.get(name, { ...range, signal });
  }

  statPart(name: string, signal: AbortSignal): Promise<ObjectStat | undefined> {
    return this.#objects.stat(name, signal);
  }

  async remove(manifest: Manifest, signal: AbortSignal): Promise<void> {
    const partNames = manifest.parts.map((part) => part.name);
    partNames.forEach(checkPartName);
    await this.#announceRemoval({ id: manifest.id, plan: manifest.plan, partNames }, signal);
    for (const name of [manifestNameOf(manifest.id), ...partNames, removalIntentNameOf(manifest.id)])
      await this.#objects.remove(name, signal);
  }

  async #announceRemoval(intent: SnapshotIntent, signal: AbortSignal): Promise<void> {
    try {
      await this.#announce('remove', intent, signal);
    } catch (error) {
      // A removal that was cut short had announced the same parts.
      if (!isHoldfastError(error, 'NAME_TAKEN')) throw error;
    }
  }

  sweep(plan: string, signal: AbortSignal): Promise<readonly string[]> {
    const { objects, installation, clock, log } = this.#options;
    const readManifest = async (id: string) => (await this.readManifest(id, signal)).manifest;
    return sweep(plan, { objects, installation, now: clock.now(), log, readManifest }, signal);
  }

  locatedOn(signal: AbortSignal): Promise<string | null> {
    return this.#objects.locatedOn(signal);
  }

  space(signal: AbortSignal): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | null> {
    return this.#objects.space(signal);
  }

  /** The name stays the same, so that a probe removes what one that was killed had left. */
  async probe(signal: AbortSignal): Promise<void> {
    const name = `holdfast-probe-${this.#options.installation}`;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#probeOnce(name, signal);
        return;
      } catch (error) {
        if (attempt === probeAttempts || signal.aborted || !isProbeCollision(error)) throw error;
        await wait(randomInt(10, 60 * attempt));
      }
    }
  }

  async #probeOnce(name: string, signal: AbortSignal): Promise<void> {
    const bytes = randomBytes(1024);
    await this.#putAnew(name, bytes, signal);
    try {
      const found = await readRecord(this.#objects, name, signal);
      if (!bytes.equals(found)) throw readsBackDifferently(this.location);
    } finally {
      await this.#objects.remove(name, unstoppable);
    }
  }

  /** Put comes first: a place that does not exist yet is made by it, where `remove` would refuse. */
  async #putAnew(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    try {
      await this.#objects.put(name, inOneChunk(bytes), signal);
    } catch (error) {
      if (!isHoldfastError(error, 'NAME_TAKEN')) throw error;
      await this.#objects.remove(name, signal);
      await this.#objects.put(name, inOneChunk(bytes), signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#objects[Symbol.asyncDispose]();
  }
}

function isProbeCollision(error: unknown): boolean {
  return isHoldfastError(error) && probeCollisions.includes(error.code);
}

function snapshotExists(id: string): HoldfastError {
  return new HoldfastError('NAME_TAKEN', `Cannot begin snapshot "${id}": the store has one of that name already`, {
    hint: 'Run the backup again: a snapshot is named for the second it began',
  });
}

function partClaimed(name: string, { id }: Intent): HoldfastError {
  return new HoldfastError('NAME_TAKEN', `Cannot store "${name}": the snapshot "${id}", which is being made, has a part of that name`, {
    hint: 'Run the command again when that has ended; if no run goes on, a backup of that plan cleans up what was announced',
  });
}

function manifestSwapped(objectName: string, id: string, location: string): HoldfastError {
  return new HoldfastError('MANIFEST_SWAPPED', `Cannot trust "${objectName}" in "${location}": it is the manifest of snapshot "${id}"`, {
    hint: 'Find out who renamed or copied it; restore the right file from another copy of the store',
    details: { objectName, id },
  });
}

function readsBackDifferently(location: string): HoldfastError {
  return new HoldfastError('DIGEST_MISMATCH', `Cannot trust the store "${location}": it gave back other bytes than it was given`, {
    hint: 'Do not use this store before its drive or service has been checked',
  });
}
