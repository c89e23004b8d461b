import type { Command } from 'commander';
import { HoldfastError } from '../../domain/errors.ts';
import type { Plan } from '../../domain/plan.ts';
import { choosePlan } from '../../operations/choose.ts';
import { exitCodes } from '../exit-codes.ts';
import type { CommandSetup } from '../command.ts';

export function notifyCommand(program: Command, setup: CommandSetup): void {
  const notify = program.command('notify').summary('try the channels by which people are told');
  notify
    .command('test')
    .summary('send a test by every channel of a plan, and tell how each went')
    .argument('[plan]', 'which plan; not needed when there is one')
    .option('--channel <name>', 'only this one')
    .action(
      setup.plain<{ readonly channel?: string }>(async (doors, [name], flags) => {
        const configuration = await doors.configure({ file: flags.config, store: undefined, missingSecrets: 'defer' });
        const plan = withChannels(choosePlan(configuration, name), flags.channel);
        const { terminal } = doors;
        const results = await doors.testChannels(configuration, plan);
        const lines = results.map(({ channel, error }) =>
          error === null
            ? `${terminal.mark('ok', 'good')}      ${channel}`
            : `${terminal.mark('failed', 'bad')}  ${channel}: ${error.message} [${error.code}]\n        → ${error.hint}`,
        );
        terminal.result(lines.join('\n'), { plan: plan.name, results });
        return results.every(({ error }) => error === null) ? exitCodes.done : exitCodes.failed;
      }),
    );
}

function withChannels(plan: Plan, wanted: string | undefined): Plan {
  const names = plan.notify.map(({ name }) => name);
  const notify = plan.notify.filter(({ name }) => wanted === undefined || name === wanted);
  if (notify.length > 0) return { ...plan, notify };
  throw new HoldfastError(
    'USAGE',
    wanted === undefined ? `Plan "${plan.name}" tells nobody: it names no channel` : `Plan "${plan.name}" has no channel "${wanted}"`,
    {
      hint:
        names.length === 0
          ? 'Add "notify" to the plan (docs/monitoring.md), then: holdfast notify test'
          : `Name one of: ${names.join(', ')}`,
    },
  );
}
