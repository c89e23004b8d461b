import type { Command } from 'commander';
import { newestFirst } from '../../domain/snapshot.ts';
import { closeDeadRuns, recordRun } from '../../operations/record-run.ts';
import { synchronise } from '../../operations/synchronise.ts';
import { exitCodeOfRun, exitCodes } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
import type { CommandSetup } from '../command.ts';
import { table } from '../table.ts';

export function rescueCommand(program: Command, setup: CommandSetup): void {
  program
    .command('rescue')
    .summary('rebuild the history from a bare store and show what can be restored')
    .argument('<place>', 'directory of a local store')
    .action(
      setup.plain(async (doors, [place], flags) => {
        const { terminal, signal } = doors;
        const configuration = await doors.configure({ file: flags.config, store: place, missingSecrets: 'defer' });
        await using world = await doors.open(configuration, { checkHistory: true });
        await using store = await world.openStore(configuration.stores[0]!);
        const run = await recordRun(world, {
          verb: 'rescue',
          plan: null,
          body: async () => {
            await closeDeadRuns(world, null);
            const unreadable = await synchronise(store, world.history, signal, { acceptEmpty: true });
            const snapshots = newestFirst(await world.history.snapshots({ store: store.name })).map(({ manifest }) => manifest);
            return {
              outcome: 'succeeded' as const,
              snapshotId: null,
              details: { store: store.name, snapshots, unreadable: unreadable.map(({ id, error }) => ({ id, message: error.message })) },
            };
          },
        });
        const { snapshots = [], unreadable = [] } = run.details ?? {};
        const rows = snapshots.map((manifest) => [
          manifest.id,
          manifest.plan,
          manifest.createdAt,
          manifest.sealed === null ? manifest.units.map((unit) => unit.name).join(', ') : 'encrypted',
        ]);
        const text = `${snapshots.length} snapshots in ${store.location}\n${table(['SNAPSHOT', 'PLAN', 'TAKEN', 'HOLDS'], rows, { columns: terminal.columns })}\n\nProve them: holdfast verify --all    Restore: holdfast restore ID --to-directory DIR\n(on a machine without a configuration add: --store ${place})`;
        terminal.result(text, {
          ...run,
          details: {
            store: store.name,
            unreadable,
            snapshots: snapshots.map(({ id, plan, createdAt, restore }) => ({ id, plan, createdAt, restore })),
          },
        });
        warnOfTrouble(
          unreadable.map(({ id, message }) => ({
            store: store.name,
            message: `snapshot "${id}": ${message}`,
            hint: 'Its parts may still be restored by hand: docs/restore.md',
          })),
          terminal,
        );
        if (run.error !== null && !terminal.isJson) terminal.failure(run.error);
        return unreadable.length > 0 ? exitCodes.unproven : exitCodeOfRun(run);
      }),
    );
}
