import type { Snapshot } from '../domain/snapshot.ts';
import type { Store } from '../ports/store.ts';
import type { OperationContext } from './context.ts';
import { storedBytes } from './read-archive.ts';
import { tolerateHistory } from './record-run.ts';

interface CopyRequest {
  readonly from: Store;
  readonly to: Store;
  readonly snapshot: Snapshot;
  readonly signal: AbortSignal;
}

/** The same snapshot in another store. Every byte is compared with the manifest's digests on its way; nothing is kept when one differs. */
export async function copySnapshot({ from, to, snapshot, signal }: CopyRequest, context: OperationContext): Promise<Snapshot> {
  const { manifest } = snapshot;
  const partNames = manifest.parts.map((part) => part.name);
  await using writer = await to.begin({ id: manifest.id, plan: manifest.plan, partNames }, signal);
  for (const part of manifest.parts) {
    const progress = { doneBytes: 0 };
    context.progress.step(`copying ${part.name} to ${to.location}`, part.sizeBytes, () => progress.doneBytes);
    await writer.put(
      part.name,
      storedBytes({ store: from, signal, tools: context }, part, (sizeBytes) => void (progress.doneBytes += sizeBytes)),
      signal,
    );
  }
  const { manifestSha256 } = await writer.commit(manifest, signal);
  await tolerateHistory(context, () => context.history.recordSnapshot({ store: to.name, manifest, manifestSha256 }));
  return { store: to.name, manifest, manifestSha256, verification: { kind: 'unverified' } };
}
