import type { VerifyDepth } from '../domain/snapshot.ts';
import { withStore, type Found } from './choose.ts';
import type { OperationContext } from './context.ts';
import { recordRun } from './record-run.ts';
import { verifySnapshot, type VerifyReport } from './verify.ts';

interface VerifyRunOptions {
  readonly depth: Exclude<VerifyDepth, 'drilled'>;
  readonly signal: AbortSignal;
}

/** Verifies one copy of a snapshot as a run of its own, which fails when the copy is damaged. */
export async function verifyOne(context: OperationContext, { plan, planStore, snapshot }: Found, { depth, signal }: VerifyRunOptions) {
  return await recordRun<VerifyReport>(context, {
    verb: 'verify',
    plan: snapshot.manifest.plan,
    body: async () => {
      const details = await withStore(context, planStore, (store) => verifySnapshot(context, { store, snapshot, depth, plan, signal }));
      const snapshotId = snapshot.manifest.id;
      if (details.outcome === 'passed') return { outcome: 'succeeded' as const, snapshotId, details };
      const error = {
        code: 'NOT_VERIFIED',
        message: `Snapshot "${snapshotId}" is damaged: ${details.findings.join('; ')}`,
        hint: 'Back up again now, and check the disk that holds this store',
      };
      return { outcome: 'failed' as const, snapshotId, details, error };
    },
  });
}
