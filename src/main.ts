import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Doors, ServeOptions } from './cli/doors.ts';
import type { Configuration, Started } from './operations/context.ts';
import { secretVariable } from './platform/secret-variable.ts';
import type { OpenContext } from './ports/descriptor.ts';
import type { Log } from './ports/log.ts';
import {
  configurationSchema,
  describeConfiguration,
  loadConfiguration,
  nextBackups,
  openAccounts,
  openWorld,
  preview,
  version,
} from './world.ts';

/*
 * The process of a command: its arguments, its output, its signals and its exit code. What a command does not need is not
 * loaded, so everything stands behind an import at the place of its use; adapters are put together in world.ts.
 */

async function main(): Promise<void> {
  const { Terminal } = await import('./cli/terminal.ts');
  const { systemClock } = await import('./platform/system-clock.ts');
  const { run } = await import('./cli/program.ts');
  const { env: environment } = process;
  const output = new Output();
  const options = {
    debug: environment['HOLDFAST_LOG'] === 'debug',
    colour: environment['NO_COLOR'] === undefined,
    monotonicMs: () => systemClock.monotonicMs(),
  };
  const terminal = new Terminal({ out: process.stdout, err: process.stderr }, options);
  const interruption = new Interruption(terminal);
  const context: OpenContext = { clock: systemClock, log: terminal, environment };
  const doors: Doors = {
    terminal,
    environment,
    secretVariable: (name) => secretVariable(environment, name),
    signal: interruption.signal,
    now: () => systemClock.now(),
    user: osUser(),
    readLine: async () => (await import('./platform/first-line.ts')).readFirstLine(process.stdin),
    nextBackups: () => nextBackups(context),
    absolutePath: (path) => resolve(path),
    configure: (wanted) => loadConfiguration(wanted, context),
    describeConfiguration,
    configurationSchema,
    open: async (configuration, { checkHistory: check = false } = {}) => {
      const { historyUrl } = configuration;
      const world = await openWorld({ context, progress: terminal, check, historyUrl, started: byCommand(context) });
      return tellsSomebody(configuration) ? (await import('./alerting.ts')).withAlerts(world, configuration, context) : world;
    },
    testChannels: async ({ service }, plan) => {
      const { testChannelsOf } = await import('./alerting.ts');
      return testChannelsOf(plan, { context, by: osUser(), publicUrl: service?.publicUrl ?? null, signal: interruption.signal });
    },
    serve: (configuration, wanted) => serveUntil(interruption, configuration, wanted, context),
    openFolderIndex: async () => (await import('./platform/folder-index.ts')).openFolderIndex(),
    openAccounts: () => openAccounts(context),
    preview: (plans, wanted) => preview(plans, wanted, context),
  };
  const exitCode = await run(process.argv.slice(2), doors, version);
  process.exitCode = interruption.exitCode ?? (exitCode === 0 && output.isLost ? 1 : exitCode);
}

async function serveUntil(
  interruption: Interruption,
  configuration: Configuration,
  { listen, onListening }: ServeOptions,
  context: OpenContext,
): Promise<void> {
  const [{ serve }, { HoldfastError }, { isInClear }] = await Promise.all([
    import('./serve.ts'),
    import('./domain/errors.ts'),
    import('./domain/listen-address.ts'),
  ]);
  if (configuration.service === null)
    throw new HoldfastError('CONFIG_NOT_FOUND', 'There is nothing to serve: no plan is configured', {
      hint: 'Write a configuration, then see it with: holdfast config check',
    });
  const settings = listen === null ? configuration.service : { ...configuration.service, listen };
  const log = await serviceLog(settings.logFormat, context);
  interruption.log = log;
  for (const warning of configuration.warnings) log.warn(warning, { component: 'Service' });
  if (isInClear(settings))
    log.warn('Passwords and tokens can be read on their way: the service answers beyond this machine, and not by https', {
      component: 'Service',
      next: 'Put a reverse proxy with TLS before it and say so in publicUrl and trustedProxies, or listen on 127.0.0.1',
    });
  await serve({ configuration, settings, context: { ...context, log }, signal: interruption.signal, onListening });
}

/** For people on a terminal, else for machines, unless the configuration says which. */
async function serviceLog(format: 'json' | 'text' | null, { clock, environment, log }: OpenContext): Promise<Log> {
  if (format === 'text' || (format === null && process.stderr.isTTY)) return log;
  const { openJsonLog } = await import('./platform/json-log.ts');
  return openJsonLog({ debug: environment['HOLDFAST_LOG'] === 'debug', clock });
}

function tellsSomebody({ plans }: Configuration): boolean {
  return [...plans.values()].some(({ notify }) => notify.length > 0);
}

/** Nobody is told unless a plan names a channel. */
function byCommand({ log }: OpenContext): Started {
  return {
    trigger: { kind: 'command', user: osUser(), dueAt: null },
    newRunKey: randomUUID,
    emit: async ({ kind, title }) => log.debug(title, { event: kind }),
  };
}

/** A user id that has no name stands for itself. */
function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}

/**
 * What reads our words may go away (`| head`, a closed terminal), and the disk behind a redirection may be full. A backup
 * goes on without being heard; only a result that could not be delivered, to somebody who still wanted it, is a failure.
 */
class Output {
  isLost = false;

  constructor() {
    process.stderr.on('error', () => undefined);
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return;
      this.isLost = true;
      process.exitCode ||= 1;
    });
  }
}

/** Ctrl-C and a service manager's stop end the operation in order; a second one ends the process. */
class Interruption {
  readonly #controller = new AbortController();
  exitCode: number | undefined;
  /** Where it is told. */
  log: Log;

  constructor(log: Log) {
    this.log = log;
    for (const [name, exitCode] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const)
      process.on(name, () => {
        if (this.exitCode !== undefined) process.exit(exitCode);
        this.exitCode = exitCode;
        this.log.warn(`${name}: stopping and cleaning up; once more ends at once`);
        void this.#abort(name);
      });
  }

  async #abort(name: string): Promise<void> {
    const { HoldfastError } = await import('./domain/errors.ts');
    this.#controller.abort(
      new HoldfastError('CANCELLED', `Stopped by ${name}`, { hint: 'Run the command again; nothing half-done was kept' }),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }
}

async function workForService(): Promise<void> {
  const { env: environment } = process;
  const { work } = await import('./worker.ts');
  await work(environment);
}

// Last, when everything above is defined. `--version` loads little else.
if (process.argv.length === 3 && process.argv[2] === '--version') process.stdout.write(`${version}\n`);
else if (process.argv[2] === 'run-request' && process.send !== undefined) await workForService();
else await main();
