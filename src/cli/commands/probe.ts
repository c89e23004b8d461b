import type { Command } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import type { Plan, PlanSource } from '../../domain/plan.ts';
import { choosePlan, withStore } from '../../operations/choose.ts';
import { tellError } from '../../operations/record-run.ts';
import { probeToWrite } from '../../operations/snapshots-so-far.ts';
import { exitCodes } from '../exit-codes.ts';
import type { CommandContext, CommandSetup } from '../command.ts';

export function probeCommand(program: Command, setup: CommandSetup): void {
  program
    .command('probe')
    .summary('try every source and store of a plan without backing up')
    .argument('[plan]', 'which plan; not needed when there is one')
    .action(
      setup.withWorld(async (context, [name]) => {
        const plan = choosePlan(context.configuration, name);
        const checks = [
          ...plan.sources.map((source) => attempt(`source ${source.name}`, () => probeSource(context, source, plan))),
          ...plan.stores.map((store) => attempt(`store ${store.name}`, () => probeStore(context, store))),
        ];
        const results = await Promise.all(checks);
        const { terminal } = context;
        const lines = results.map(({ subject, found, error }) =>
          error === null
            ? `${terminal.mark('ok', 'good')}      ${subject}: ${found}`
            : `${terminal.mark('failed', 'bad')}  ${subject}: ${error.message} [${error.code}]\n        → ${error.hint}`,
        );
        terminal.result(lines.join('\n'), { plan: plan.name, results });
        return results.every(({ error }) => error === null) ? exitCodes.done : exitCodes.failed;
      }),
    );
}

async function attempt(subject: string, probe: () => Promise<string>) {
  try {
    return { subject, found: await probe(), error: null };
  } catch (error) {
    return { subject, found: null, error: tellError(error) };
  }
}

async function probeSource({ world, signal }: CommandContext, planned: PlanSource, plan: Plan): Promise<string> {
  await using source = world.openSource(planned, plan);
  const units = await source.units(signal);
  return units
    .map(({ name, estimatedBytes }) => (estimatedBytes === null ? name : `${name} (about ${formatBytes(estimatedBytes)})`))
    .join(', ');
}

async function probeStore({ world, signal }: CommandContext, planStore: Parameters<typeof withStore>[1]): Promise<string> {
  return await withStore(world, planStore, async (store) => {
    await probeToWrite(store, world, signal);
    const space = await store.space(signal);
    return space === null
      ? 'writes and reads'
      : `writes and reads, ${formatBytes(space.freeBytes)} of ${formatBytes(space.totalBytes)} free`;
  });
}
