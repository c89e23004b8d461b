import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import type { CommandSetup } from '../command.ts';

export function configCommand(program: Command, setup: CommandSetup): void {
  const config = program.command('config').summary('check and show the configuration');
  config
    .command('check')
    .summary('read the configuration as a run would, and say what is wrong with it')
    .action(
      setup.plain(async (doors, _args, flags) => {
        const configuration = await doors.configure({ file: flags.config, store: flags.store, missingSecrets: 'refuse' });
        const { warnings, plans, file } = configuration;
        const names = [...plans.keys()];
        const place = file ?? 'the environment';
        doors.terminal.result(
          [
            ...warnings.map((warning) => `warning: ${warning}`),
            `${place}: ${names.length === 1 ? 'one plan' : `${names.length} plans`} (${names.join(', ')}), no errors`,
          ].join('\n'),
          { file, plans: names, warnings },
        );
        return exitCodes.done;
      }),
    );
  config
    .command('show')
    .summary('print the effective plans, each value with where it came from; secrets left out')
    .action(
      setup.plain(async (doors, _args, flags) => {
        const shown = await doors.describeConfiguration(
          await doors.configure({ file: flags.config, store: flags.store, missingSecrets: 'defer' }),
        );
        doors.terminal.result(shown.text, shown.json);
        return exitCodes.done;
      }),
    );
  config
    .command('schema')
    .summary('print the JSON Schema of the configuration file, for editors')
    .action(
      setup.plain(async (doors) => {
        const schema = await doors.configurationSchema();
        doors.terminal.result(JSON.stringify(schema, null, 2), schema);
        return exitCodes.done;
      }),
    );
}
