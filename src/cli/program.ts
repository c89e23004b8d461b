import { Command, CommanderError } from 'commander';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import { tellError } from '../operations/record-run.ts';
import { backupCommand } from './commands/backup.ts';
import { browseCommand } from './commands/browse.ts';
import { completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { copyCommand } from './commands/copy.ts';
import { drillCommand } from './commands/drill.ts';
import { expireCommand } from './commands/expire.ts';
import { listCommand } from './commands/list.ts';
import { notifyCommand } from './commands/notify.ts';
import { probeCommand } from './commands/probe.ts';
import { rescueCommand } from './commands/rescue.ts';
import { restoreCommand } from './commands/restore.ts';
import { serveCommand } from './commands/serve.ts';
import { scheduleCommand } from './commands/schedule.ts';
import { showCommand } from './commands/show.ts';
import { statusCommand } from './commands/status.ts';
import { tokenCommand } from './commands/token.ts';
import { userCommand } from './commands/user.ts';
import { verifyCommand } from './commands/verify.ts';
import type { Arguments, CommanderAction, CommandSetup, GlobalFlags, Needs, PlainAction, WorldAction } from './command.ts';
import type { Doors } from './doors.ts';
import { exitCodeOfError, exitCodes, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

const commands = [
  backupCommand,
  listCommand,
  showCommand,
  browseCommand,
  statusCommand,
  verifyCommand,
  drillCommand,
  restoreCommand,
  copyCommand,
  expireCommand,
  rescueCommand,
  probeCommand,
  serveCommand,
  scheduleCommand,
  notifyCommand,
  tokenCommand,
  userCommand,
  configCommand,
  completionCommand,
] as const;

/** Runs one command line; answers with the exit status. Shows every error, throws none. */
export async function run(argv: readonly string[], doors: Doors, version: string): Promise<number> {
  if (argv.includes('--json')) doors.terminal.useJson();
  const ended = { exit: exitCodes.done as ExitCode };
  const program = buildProgram(doors, version, ended);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return ended.exit;
  } catch (error) {
    if (!(error instanceof CommanderError)) return showError(error, doors.terminal);
    return error.exitCode === 0 ? exitCodes.done : showMisuse(error, doors.terminal);
  } finally {
    doors.terminal.endProgress();
  }
}

function buildProgram(doors: Doors, version: string, ended: { exit: ExitCode }): Command {
  const program = new Command('holdfast')
    .description('Backs up a whole self-hosted application, proves each backup by restoring it, and gets everything back.')
    .version(version, '--version', 'print the version')
    .option(
      '--config <file>',
      'configuration file (default: $HOLDFAST_CONFIG, ./holdfast.yaml, /etc/holdfast/holdfast.yaml, or the environment alone)',
    )
    .option('--store <dir>', 'look into this local store too, configured or not')
    .option('--json', 'print results as JSON')
    .exitOverride()
    .configureOutput({ writeErr: (text) => doors.terminal.aside(text), outputError: () => undefined })
    .addHelpText(
      'after',
      '\nExit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 degraded, 4 not proven, 5 busy, 130 interrupted, 143 terminated.',
    );
  const setup = commandSetup(doors, ended);
  for (const add of commands) add(program, setup);
  for (const command of program.commands) withGlobalFlags(command);
  return program;
}

/** `--json` and `--config` are accepted after the command too, where people put them. */
function withGlobalFlags(command: Command): void {
  command
    .option('--json', 'print results as JSON')
    .option('--config <file>', 'configuration file')
    .option('--store <dir>', 'look into this local store too')
    .exitOverride();
  for (const nested of command.commands) withGlobalFlags(nested);
}

function commandSetup(doors: Doors, ended: { exit: ExitCode }): CommandSetup {
  const plain =
    <Flags>(action: PlainAction<Flags>): CommanderAction =>
    async (...parsed) => {
      const command = parsed.at(-1) as Command;
      ended.exit = await action(doors, command.processedArgs as Arguments, command.optsWithGlobals<Flags & GlobalFlags>());
    };
  const inWorld = <Flags>(needs: Needs, action: WorldAction<Flags>): CommanderAction =>
    plain<Flags>(async (_doors, args, flags) => {
      const configuration = await doors.configure({ file: flags.config, store: flags.store, ...needs });
      for (const warning of configuration.warnings) doors.terminal.warn(warning);
      await using world = await doors.open(configuration);
      return await action({ world, configuration, terminal: doors.terminal, signal: doors.signal, doors }, args, flags);
    });
  const withWorld = <Flags>(first: Needs | WorldAction<Flags>, second?: WorldAction<Flags>): CommanderAction =>
    typeof first === 'function' ? inWorld({ missingSecrets: 'refuse' }, first) : inWorld(first, second!);
  return { plain, withWorld };
}

/** A command line that means nothing. One that breaks off at a word with commands of its own was answered with their help. */
function showMisuse({ code, message }: CommanderError, terminal: Terminal): ExitCode {
  if (code === 'commander.help' && !terminal.isJson) return exitCodes.usage;
  const what =
    code === 'commander.help'
      ? 'The command is not complete'
      : message.replace(/^error: (.)/, (_whole, first: string) => first.toUpperCase()).replace('\n', ' ');
  return showError(new HoldfastError('USAGE', what, { hint: 'See holdfast --help' }), terminal);
}

function showError(error: unknown, terminal: Terminal): ExitCode {
  const told = tellError(error);
  if (terminal.isJson) terminal.result('', { error: { ...told, details: isHoldfastError(error) ? error.details : {} } });
  else terminal.failure(told);
  if (!(error instanceof HoldfastError) && error instanceof Error) terminal.debug(error.stack ?? error.message);
  return exitCodeOfError(told.code);
}
