import { HoldfastError } from '../domain/errors.ts';
import type { History } from '../ports/history.ts';
import type { Store } from '../ports/store.ts';

/** A manifest that lies in a store and cannot be used. */
export interface UnreadableManifest {
  readonly id: string;
  readonly error: Error;
}

/**
 * Brings the history in line with what a store holds: manifests that it does not know are read and recorded, snapshots
 * that are gone are forgotten. Manifests are immutable, so known ones are not read again. Rebuilds a lost history.
 * Throws `STORE_ABSENT` when all of them are gone at once and another file system stands in the store's place: the mount
 * point of a drive that is not mounted is an empty directory, and nothing may be written there or forgotten.
 */
export async function synchronise(
  store: Store,
  history: History,
  signal: AbortSignal,
  { acceptEmpty = false }: { readonly acceptEmpty?: boolean } = {},
): Promise<readonly UnreadableManifest[]> {
  // In this order: a snapshot that a run records meanwhile must not look like one that is gone.
  const known = new Set((await history.facts({ store: store.name })).map(({ id }) => id));
  const stored = new Set(await store.listNames(signal));
  const place = await store.locatedOn(signal);
  const placeBefore = await history.storePlace(store.name);
  const isElsewhere = placeBefore !== null && place !== placeBefore;
  if (stored.size === 0 && known.size > 0 && isElsewhere && !acceptEmpty) throw emptied(store, known.size);
  await noteStorePlace(store, history, signal);
  const unreadable: UnreadableManifest[] = [];
  for (const id of stored) {
    if (known.has(id)) continue;
    try {
      const { manifest, sha256 } = await store.readManifest(id, signal);
      await history.recordSnapshot({ store: store.name, manifest, manifestSha256: sha256 });
    } catch (error) {
      if (!(error instanceof Error) || signal.aborted) throw error;
      unreadable.push({ id, error });
    }
  }
  for (const id of known) if (!stored.has(id)) await history.forgetSnapshot({ store: store.name, id });
  return unreadable;
}

/** Remembers where the store is, so that a drive that is missing later can be told from a store that was emptied. */
export async function noteStorePlace(store: Store, history: History, signal: AbortSignal): Promise<void> {
  const place = await store.locatedOn(signal);
  if (place !== null && place !== (await history.storePlace(store.name))) await history.recordStorePlace(store.name, place);
}

function emptied({ location }: Store, count: number): HoldfastError {
  const held =
    count === 1
      ? 'the snapshot that it held is gone, and so is its drive'
      : `all ${count} snapshots that it held are gone, and so is their drive`;
  return new HoldfastError('STORE_ABSENT', `Cannot use the store "${location}": ${held}`, {
    hint: `Mount the drive that holds it; if it was emptied on purpose, say so with: holdfast rescue ${location}`,
    retry: { kind: 'later' },
    details: { location, snapshots: count },
  });
}
