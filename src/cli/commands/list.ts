import type { Command } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import { snapshotSizeBytes, type SnapshotSummary, type Verification } from '../../domain/snapshot.ts';
import { choosePlan, refresh, snapshotsOf, storesOf } from '../../operations/choose.ts';
import { exitCodes } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
import type { CommandSetup } from '../command.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export function listCommand(program: Command, setup: CommandSetup): void {
  program
    .command('list')
    .summary('list snapshots, newest first')
    .argument('[plan]', 'only those of this plan')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async ({ world, configuration, terminal, signal }, [name]) => {
        const stores = name === undefined ? storesOf(configuration) : choosePlan(configuration, name).stores;
        const trouble = await refresh(stores, world, signal);
        const listed = await snapshotsOf(world, { plan: name, stores });
        terminal.result(
          listed.length === 0 ? 'No snapshots yet. Make one: holdfast backup' : snapshotTable(listed, terminal),
          listed.map(toJson),
        );
        warnOfTrouble(trouble, terminal);
        return trouble.length === 0 ? exitCodes.done : exitCodes.failed;
      }),
    );
}

/** The fields that other programs rely on. */
export function toJson({ manifest, store, verification }: SnapshotSummary) {
  return {
    id: manifest.id,
    plan: manifest.plan,
    createdAt: manifest.createdAt,
    outcome: manifest.outcome,
    sizeBytes: snapshotSizeBytes(manifest),
    sequence: manifest.sequence,
    store,
    verification: verificationJson(verification),
    description: manifest.description,
    parts: manifest.parts.map((part) => part.name),
  };
}

export function verificationJson(verification: Verification) {
  return verification.kind === 'unverified' ? { kind: verification.kind } : { ...verification, at: verification.at.toISOString() };
}

function snapshotTable(snapshots: readonly SnapshotSummary[], terminal: Terminal): string {
  const rows = snapshots.map(({ manifest, verification, store }) => [
    manifest.id,
    manifest.createdAt.slice(0, 19).replace('T', ' '),
    formatBytes(snapshotSizeBytes(manifest)),
    terminal.mark(manifest.outcome, manifest.outcome === 'succeeded' ? 'good' : 'doubtful'),
    describeVerification(verification, terminal),
    store,
    manifest.description ?? '',
  ]);
  return table(['SNAPSHOT', 'TAKEN (UTC)', 'SIZE', 'OUTCOME', 'PROVEN', 'STORE', 'NOTE'], rows, { right: [2], columns: terminal.columns });
}

export function describeVerification(verification: Verification, terminal: Terminal): string {
  if (verification.kind === 'unverified') return terminal.mark('not yet', 'doubtful');
  if (verification.kind === 'failed') return terminal.mark('FAILED', 'bad');
  return terminal.mark(verification.depth, 'good');
}
