import { formatBytes } from '../domain/byte-size.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { Store } from '../ports/store.ts';

/** Throws `STORE_FULL` before a byte is written. A store that does not know its space is believed to have enough. */
export async function requireSpace(store: Store, neededBytes: number, signal: AbortSignal): Promise<void> {
  const space = await store.space(signal);
  if (space === null || space.freeBytes >= neededBytes) return;
  throw new HoldfastError(
    'STORE_FULL',
    `Cannot store a snapshot in "${store.location}": ${formatBytes(space.freeBytes)} free, ${formatBytes(neededBytes)} needed`,
    {
      hint: 'Free space there, or keep fewer snapshots and run holdfast expire',
      details: space,
    },
  );
}
