import { type ChildProcess, fork } from 'node:child_process';
import type { RunRequest } from '../domain/run-request.ts';
import type { Clock } from '../ports/clock.ts';
import type { RunLauncher, RunningProcess, WorkerMessage, WorkerReport } from '../ports/runner.ts';

/** What a worker is told: first its work, later perhaps that it is not wanted any more. */
export type WorkerOrder =
  | { readonly kind: 'run'; readonly request: RunRequest; readonly file: string | null }
  | { readonly kind: 'cancel'; readonly reason: string };

export interface RunProcessOptions {
  /** The program that becomes a worker with the argument `run-request`. */
  readonly program: string;
  /** The configuration's file, which the worker reads for itself: no secret crosses over. */
  readonly file: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** How long a worker that was asked to stop may take. */
  readonly patienceMs?: number;
}

const defaultPatienceMs = 60_000;
/** Of what a worker prints: only what Node itself says of its death. */
const keptOutput = 4_000;
/** What `bin/holdfast` starts the service with, and other commands without. */
const smallness: readonly string[] = ['--optimize-for-size', '--max-semi-space-size=2'];

/** Runs in processes of their own. */
export function openRunLauncher(options: RunProcessOptions): RunLauncher {
  return { launch: (request, listener) => new Worker(request, listener, options) };
}

class Worker implements RunningProcess {
  readonly pid: number;
  readonly ended: Promise<WorkerReport>;
  readonly #child: ChildProcess;
  readonly #listener: (message: WorkerMessage) => void;
  readonly #options: RunProcessOptions;
  readonly #startedMs: number;
  #report: WorkerReport | undefined;
  #said = '';
  #execution: NodeJS.Timeout | undefined;

  constructor(request: RunRequest, listener: (message: WorkerMessage) => void, options: RunProcessOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#child = fork(options.program, ['run-request'], {
      serialization: 'json',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...options.environment },
      // The service is small, a worker is fast.
      execArgv: process.execArgv.filter((argument) => !smallness.includes(argument)),
    });
    this.pid = this.#child.pid ?? 0;
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#said = `${this.#said}${text}`.slice(-keptOutput)));
    this.#child.on('message', (message) => {
      const told = message as unknown as WorkerMessage;
      if (told.kind === 'ready') this.#order({ kind: 'run', request, file: options.file });
      else if (told.kind === 'ended') this.#report = told.report;
      else listener(told);
    });
    this.ended = this.#untilEnded();
  }

  async #untilEnded(): Promise<WorkerReport> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#child.once('error', (error) => resolve(error.message));
    this.#child.once('close', (exitCode, signal) => resolve(signal === null ? `exit status ${exitCode}` : signal));
    const how = await promise;
    clearTimeout(this.#execution);
    if (this.#report !== undefined) return this.#report;
    const fields = { pid: this.pid, said: this.#said.trim() };
    this.#listener({ kind: 'log', level: 'error', message: 'The process of a run ended without a word', fields });
    return this.#death(how);
  }

  #death(how: string): WorkerReport {
    const error = {
      code: 'INTERNAL',
      message: `The process of the run ended before it was done (${how})`,
      hint: 'Look in the system log for the reason (memory, power, somebody who killed it), then start the run again',
    };
    const durationMs = Math.round(this.#options.clock.monotonicMs() - this.#startedMs);
    return { outcome: 'failed', snapshotId: null, error, durationMs, details: null, isDeath: true };
  }

  cancel(reason: string): void {
    this.#order({ kind: 'cancel', reason });
    this.#execution ??= setTimeout(() => this.#child.kill('SIGKILL'), this.#options.patienceMs ?? defaultPatienceMs);
  }

  /** A worker that is gone hears nothing, and its end is told by itself. */
  #order(order: WorkerOrder): void {
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }
}
