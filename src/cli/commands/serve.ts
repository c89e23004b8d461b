import type { Command } from 'commander';
import { HoldfastError } from '../../domain/errors.ts';
import { parseListenAddress } from '../../domain/listen-address.ts';
import type { ListenAddress } from '../../domain/service-settings.ts';
import { exitCodes } from '../exit-codes.ts';
import type { CommandSetup } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface ServeFlags {
  readonly listen?: string;
}

export function serveCommand(program: Command, setup: CommandSetup): void {
  program
    .command('serve')
    .summary('run what the schedules say, and serve the dashboard and the API, until stopped')
    .option('--listen <address>', 'HOST:PORT, :PORT for this machine alone, or unix:/path (default: as configured, or 127.0.0.1:8000)')
    .action(
      setup.plain<ServeFlags>(async (doors, _args, flags) => {
        const listen = flags.listen === undefined ? null : addressOf(flags.listen);
        const configuration = await doors.configure({ file: flags.config, store: flags.store, missingSecrets: 'defer' });
        await doors.serve(configuration, { listen, onListening: (addresses) => tell(addresses, doors.terminal) });
        return exitCodes.done;
      }),
    );
}

function addressOf(text: string): ListenAddress {
  const address = parseListenAddress(text);
  if (address !== undefined) return address;
  throw new HoldfastError('USAGE', `Cannot listen on ${JSON.stringify(text)}: that is no address`, {
    hint: 'Write HOST:PORT, :PORT or unix:/path, for example: holdfast serve --listen 127.0.0.1:8000',
  });
}

/** One line, so that a program that started it can read where it answers and go on. */
function tell(addresses: readonly string[], terminal: Terminal): void {
  const listening = [...addresses];
  terminal.line(`Listening on ${listening.join(' and ')}`, { listening });
}
