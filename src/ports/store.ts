import type { Manifest } from '../domain/manifest.ts';
import type { ObjectStat } from './object-store.ts';

/**
 * Where snapshots live. A snapshot exists when its manifest does; what has none is debris of a run that died, and the
 * next run of the same plan on the same installation removes it with `sweep`.
 */
export interface Store extends AsyncDisposable {
  readonly name: string;
  /** Human-readable place: a path or URL without secrets. */
  readonly location: string;
  /** Announces a snapshot, so that whatever a crash leaves of it can be told from other people's files. */
  begin(intent: SnapshotIntent, signal: AbortSignal): Promise<SnapshotWriter>;
  /** Every snapshot's manifest, as stored; unreadable ones come with their error instead. Any order. */
  list(signal: AbortSignal): AsyncIterable<StoredManifest>;
  /** Ids of the snapshots, read from manifest names alone: cheap, to see what changed since the last listing. */
  listNames(signal: AbortSignal): Promise<readonly string[]>;
  /** Throws `OBJECT_MISSING`, `MANIFEST_INVALID`, `MANIFEST_SWAPPED` (it names another snapshot). */
  readManifest(id: string, signal: AbortSignal): Promise<{ readonly manifest: Manifest; readonly sha256: string }>;
  /** The stored bytes of a part, or some of them; a range beyond the end yields what there is. */
  readPart(name: string, signal: AbortSignal, range?: ByteRange): AsyncIterable<Uint8Array>;
  statPart(name: string, signal: AbortSignal): Promise<ObjectStat | undefined>;
  /** Removes the manifest first (the snapshot is then gone), then its parts. Announced first, so a crash is finished by `sweep`. */
  remove(manifest: Manifest, signal: AbortSignal): Promise<void>;
  /** Finishes or undoes what dead runs of this plan left; returns the names removed. The caller holds the plan's lock. */
  sweep(plan: string, signal: AbortSignal): Promise<readonly string[]>;
  /** See `ObjectStore.locatedOn`. */
  locatedOn(signal: AbortSignal): Promise<string | null>;
  space(signal: AbortSignal): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | null>;
  /** Writes, reads back and removes a small object. Throws what is wrong. */
  probe(signal: AbortSignal): Promise<void>;
}

export interface ByteRange {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface SnapshotIntent {
  readonly id: string;
  readonly plan: string;
  /** Names of all parts that may be put. */
  readonly partNames: readonly string[];
}

export interface SnapshotWriter extends AsyncDisposable {
  /** Returns after the part is on stable storage with the length that was given. */
  put(partName: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ObjectStat>;
  /** The commit point. Refuses (`LENGTH_MISMATCH`) when a part's stored length is not the manifest's. Returns the SHA-256 of the stored manifest. */
  commit(manifest: Manifest, signal: AbortSignal): Promise<{ readonly manifestSha256: string }>;
  // Disposing without a commit removes every part that was put.
}

export type StoredManifest =
  | { readonly kind: 'readable'; readonly objectName: string; readonly manifest: Manifest; readonly sha256: string }
  | { readonly kind: 'unreadable'; readonly objectName: string; readonly error: Error };
