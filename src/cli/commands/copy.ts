import type { Command } from 'commander';
import { HoldfastError } from '../../domain/errors.ts';
import type { Manifest } from '../../domain/manifest.ts';
import type { PlanStore } from '../../domain/plan.ts';
import { findSnapshot, refresh, storesOf, unusable } from '../../operations/choose.ts';
import { copyRun } from '../../operations/copy-run.ts';
import { exitCodeOfRun } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
import type { CommandSetup } from '../command.ts';

export function copyCommand(program: Command, setup: CommandSetup): void {
  program
    .command('copy')
    .summary('copy a snapshot into another store of its plan, and prove it there')
    .argument('<id>', 'snapshot')
    .requiredOption('--to <name>', 'name of the store that receives it')
    .action(
      setup.withWorld({ missingSecrets: 'defer' }, async (context, [id], { to: name }: { readonly to: string }) => {
        const { world, configuration, terminal, signal } = context;
        const trouble = await refresh(storesOf(configuration), world, signal);
        warnOfTrouble(trouble, terminal);
        const found = await findSnapshot(configuration, world, { id, plan: undefined, passOver: unusable(trouble) });
        const { plan } = found;
        if (plan === null) throw withoutPlan(found.snapshot.manifest);
        const to = storeNamed(name, storesOf({ ...configuration, plans: new Map([[plan.name, plan]]) }));
        const report = await copyRun({ plan, found, to, signal }, world);
        const from = report.details?.from ?? found.planStore.name;
        terminal.result(report.error === null ? `Snapshot ${report.snapshotId} is copied from ${from} to ${to.name}` : '', report);
        if (report.error !== null && !terminal.isJson) terminal.failure(report.error);
        return exitCodeOfRun(report);
      }),
    );
}

function withoutPlan({ id, plan }: Manifest): HoldfastError {
  return new HoldfastError('PLAN_UNKNOWN', `Cannot copy snapshot "${id}": its plan "${plan}" is not configured here`, {
    hint: 'Name the configuration that has the plan with --config FILE',
  });
}

function storeNamed(name: string, stores: readonly PlanStore[]): PlanStore {
  const store = stores.find((candidate) => candidate.name === name);
  if (store !== undefined) return store;
  throw new HoldfastError('USAGE', `There is no store "${name}"`, {
    hint: `Name one of: ${stores.map((candidate) => candidate.name).join(', ')}`,
  });
}
