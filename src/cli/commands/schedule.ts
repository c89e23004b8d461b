import type { Command } from 'commander';
import { HoldfastError } from '../../domain/errors.ts';
import { choosePlan } from '../../operations/choose.ts';
import { exitCodes } from '../exit-codes.ts';
import type { CommandSetup } from '../command.ts';
import type { Doors, PreviewedRun } from '../doors.ts';
import { table } from '../table.ts';

interface PreviewFlags {
  readonly from?: string;
  readonly count: string;
}

export function scheduleCommand(program: Command, setup: CommandSetup): void {
  program
    .command('schedule')
    .summary('show what runs when')
    .command('preview')
    .summary('show the next runs, and why then')
    .argument('[plan]', 'which plan; all when absent')
    .option('--from <instant>', 'runs after this time, for example 2026-10-24T00:00:00Z; now when absent')
    .option('--count <number>', 'how many', '10')
    .action(
      setup.plain<PreviewFlags>(async (doors, [name], flags) => {
        const options = { from: instantOf(flags.from, doors.now()), count: countOf(flags.count) };
        const configuration = await doors.configure({ file: flags.config, store: flags.store, missingSecrets: 'defer' });
        for (const warning of configuration.warnings) doors.terminal.warn(warning);
        const plans = name === undefined ? [...configuration.plans.values()] : [choosePlan(configuration, name)];
        const runs = await doors.preview(plans, options);
        doors.terminal.result(describe(runs, doors), runs);
        return exitCodes.done;
      }),
    );
}

function instantOf(text: string | undefined, now: Date): Date {
  if (text === undefined) return now;
  const at = new Date(/^\d{4}-\d{2}-\d{2}/u.test(text) ? text : Number.NaN);
  if (!Number.isNaN(at.getTime())) return at;
  throw new HoldfastError('USAGE', `"${text}" is no instant`, { hint: 'Write for example: --from 2026-10-24T00:00:00Z' });
}

function countOf(text: string): number {
  const count = Number(text);
  if (/^\d{1,4}$/u.test(text) && count >= 1 && count <= 1000) return count;
  throw new HoldfastError('USAGE', `Cannot show "${text}" runs`, { hint: 'Give --count a number from 1 to 1000' });
}

function describe(runs: readonly PreviewedRun[], { terminal }: Doors): string {
  if (runs.length === 0) return 'nothing is scheduled; a plan runs by itself when it has a schedule, and holdfast serve goes on';
  const rows = runs.map(({ local, plan, verb, why }) => [local, plan, verb, why]);
  return table(['WHEN', 'PLAN', 'WHAT', 'WHY'], rows, { columns: terminal.columns });
}
