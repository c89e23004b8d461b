import { randomUUID } from 'node:crypto';
import { HoldfastError } from './domain/errors.ts';
import type { HoldfastEvent } from './domain/events.ts';
import type { RunRequest } from './domain/run-request.ts';
import type { Started } from './operations/context.ts';
import { performRun } from './operations/perform-run.ts';
import { tellError } from './operations/record-run.ts';
import type { WorkerOrder } from './platform/run-process.ts';
import { systemClock } from './platform/system-clock.ts';
import type { OpenContext } from './ports/descriptor.ts';
import type { Log } from './ports/log.ts';
import type { Progress } from './ports/progress.ts';
import type { WorkerMessage, WorkerReport } from './ports/runner.ts';
import { loadConfiguration, openWorld } from './world.ts';

/*
 * The process of one run, started by the service: it is handed its work, reads the configuration for itself, and tells what
 * happens over the channel to its service. When that is gone, it stops in order and records why.
 */

export async function work(environment: OpenContext['environment']): Promise<void> {
  const ending = new Ending();
  const { request, file } = await ending.order;
  const report = await perform(request, { file, environment, signal: ending.signal });
  await tell({ kind: 'ended', report });
  process.exit(0);
}

interface Surroundings {
  readonly file: string | null;
  readonly environment: OpenContext['environment'];
  readonly signal: AbortSignal;
}

async function perform(request: RunRequest, { file, environment, signal }: Surroundings): Promise<WorkerReport> {
  const startedMs = systemClock.monotonicMs();
  const progress = new SampledProgress();
  try {
    const context = { clock: systemClock, log: channelLog, environment };
    const configuration = await loadConfiguration({ file: file ?? undefined, store: undefined, missingSecrets: 'defer' }, context);
    await using world = await openWorld({
      context,
      progress,
      check: false,
      historyUrl: configuration.historyUrl,
      started: byRequest(request),
    });
    return await performRun(request, configuration, world, signal);
  } catch (error) {
    const durationMs = Math.round(systemClock.monotonicMs() - startedMs);
    return { outcome: 'failed', snapshotId: null, error: tellError(error), durationMs, details: null };
  } finally {
    progress.stop();
  }
}

/** The first run is the one that was asked for; a request that takes several has more. */
function byRequest({ key, trigger }: RunRequest): Started {
  const keys = [key];
  return { trigger, newRunKey: () => keys.pop() ?? randomUUID(), emit: (event) => tell({ kind: 'event', event: plainEvent(event) }) };
}

function plainEvent(event: HoldfastEvent): Extract<WorkerMessage, { kind: 'event' }>['event'] {
  return { ...event, at: event.at.toISOString(), atRiskSince: event.atRiskSince?.toISOString() ?? null };
}

/** What is told to nobody is lost; the history has it, and the next service looks there. */
async function tell(message: WorkerMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (process.connected && process.send !== undefined) process.send(message, undefined, undefined, () => resolve());
  else resolve();
  await promise;
}

const channelLog: Log = {
  debug: (message, fields = {}) => void tell({ kind: 'log', level: 'debug', message, fields }),
  info: (message, fields = {}) => void tell({ kind: 'log', level: 'info', message, fields }),
  warn: (message, fields = {}) => void tell({ kind: 'log', level: 'warn', message, fields }),
  error: (message, fields = {}) => void tell({ kind: 'log', level: 'error', message, fields }),
};

/** Why and when to stop: the service says so or is gone, or somebody ends this process. */
class Ending {
  readonly order: Promise<Extract<WorkerOrder, { kind: 'run' }>>;
  readonly #controller = new AbortController();

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Extract<WorkerOrder, { kind: 'run' }>>();
    this.order = promise;
    process.on('message', (message) => {
      const order = message as WorkerOrder;
      if (order.kind === 'run') resolve(order);
      else this.#stop(order.reason);
    });
    process.on('disconnect', () => this.#stop('The service that ran it was ended', { killed: true }));
    process.on('SIGTERM', () => this.#stop('Stopped by SIGTERM'));
    // A terminal sends these to all of its processes: the service decides.
    for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
    void tell({ kind: 'ready' });
  }

  #stop(reason: string, details: Readonly<Record<string, unknown>> = {}): void {
    const hint = 'Start the run again; nothing half-done was kept';
    this.#controller.abort(new HoldfastError('CANCELLED', reason, { hint, details }));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }
}

const sampleMs = 250;

/** However often an operation moves on, its service hears of it four times a second. */
class SampledProgress implements Progress {
  #step: { readonly label: string; readonly totalBytes: number | null; readonly doneBytes: () => number } | undefined;
  #told = '';
  readonly #timer = setInterval(() => this.#sample(), sampleMs).unref();

  step(label: string, totalBytes: number | null, doneBytes: () => number): void {
    this.#step = { label, totalBytes, doneBytes };
    this.#sample();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    if (this.#step === undefined) return;
    const { label, totalBytes, doneBytes } = this.#step;
    const message = { kind: 'progress', label, totalBytes, doneBytes: doneBytes() } as const;
    const text = JSON.stringify(message);
    if (text === this.#told) return;
    this.#told = text;
    void tell(message);
  }
}
