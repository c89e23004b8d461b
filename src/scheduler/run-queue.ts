import { HoldfastError } from '../domain/errors.ts';
import type { RunRequest } from '../domain/run-request.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { LiveRun, RunLauncher, RunLogEntry, RunningProcess, RunQueue, WorkerMessage, WorkerReport } from '../ports/runner.ts';
import type { LiveRunRecords } from '../ports/service-state.ts';
import { excludes, lockOf } from './exclusion.ts';
import { QueuedRun } from './queued-run.ts';

/** How long an ended run is still told of; what comes later is in the history. */
const keptMs = 10 * 60_000;
/** How often somebody is asked whether a command still holds what a waiting run needs. */
const lookAgainMs = 5_000;

export interface RunQueueWorld {
  readonly launcher: RunLauncher;
  readonly records: LiveRunRecords;
  readonly clock: Clock;
  readonly log: Log;
  /** How many scheduled runs may go on at the same time. Those that people ask for start at once. */
  readonly maxScheduled: number;
  /** True when somebody holds the lock: a command, or a worker that outlived the service before this one. */
  isHeld(lock: string): Promise<boolean>;
  /** Tells one process from another that got the same number later; null when there is none. */
  processStart(pid: number): string | null;
  /** Told by a worker, in the order of telling. */
  onEvent(event: Extract<WorkerMessage, { kind: 'event' }>['event']): Promise<void>;
  /** A run that never got its turn, was cancelled before, or whose process could not be started. */
  onNotStarted(request: RunRequest, report: WorkerReport): Promise<void>;
  /** A worker that ended without a word: its records are still open. */
  onDeath(request: RunRequest, report: WorkerReport): Promise<void>;
}

/** Starts each run in a process of its own, never two that exclude each other. */
export class Runs implements RunQueue {
  readonly #world: RunQueueWorld;
  readonly #runs = new Map<string, QueuedRun>();
  readonly #listeners = new Set<(run: LiveRun) => void>();
  readonly #logListeners = new Set<(entry: RunLogEntry) => void>();
  #looking: Promise<void> = Promise.resolve();
  #recorded: Promise<void> = Promise.resolve();
  #told: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(world: RunQueueWorld) {
    this.#world = world;
  }

  submit(request: RunRequest): LiveRun {
    const known = this.#admit(request);
    if (known !== undefined) return known.view();
    const other = this.#unended().find((run) => excludes(run.request, request));
    if (other !== undefined) throw alreadyAtWork(request, other);
    const run = this.#add(request, null);
    this.#start(run);
    return run.view();
  }

  /** For what a schedule asks for: it waits its turn, and is passed over when that has not come after so long. */
  schedule(request: RunRequest, waitMs: number): LiveRun {
    const known = this.#admit(request);
    if (known !== undefined) return known.view();
    const run = this.#add(request, this.#world.clock.monotonicMs() + waitMs);
    this.#look();
    return run.view();
  }

  live(): readonly LiveRun[] {
    this.#forgetEnded();
    return [...this.#runs.values()].map((run) => run.view());
  }

  find(key: string): LiveRun | undefined {
    this.#forgetEnded();
    return this.#runs.get(key)?.view();
  }

  log(key: string): readonly RunLogEntry[] {
    return this.#runs.get(key)?.logged ?? [];
  }

  async whenEnded(key: string): Promise<WorkerReport> {
    const run = this.#runs.get(key);
    if (run !== undefined) return await run.ended;
    throw new HoldfastError('RUN_UNKNOWN', `There is no run "${key}" here`, { hint: 'See which there were: holdfast status' });
  }

  cancel(key: string, by: string): boolean {
    const run = this.#runs.get(key);
    if (run === undefined || run.state === 'ended') return false;
    if (run.process === undefined) void this.#giveUp(run, 'cancelled', cancelledBefore(by));
    else run.process.cancel(`Cancelled by ${by}`);
    return true;
  }

  subscribe(listener: (run: LiveRun) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  subscribeToLog(listener: (entry: RunLogEntry) => void): () => void {
    this.#logListeners.add(listener);
    return () => void this.#logListeners.delete(listener);
  }

  /**
   * Takes no more, and ends what goes on in order. Resolves when all of it has ended, is recorded and handed on, with what this
   * kept from being done.
   */
  async stop(reason: string): Promise<readonly RunRequest[]> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const unended = this.#unended();
    for (const run of unended)
      if (run.process === undefined) void this.#giveUp(run, 'cancelled', cancelledBefore(reason));
      else run.process.cancel(reason);
    const ended = await Promise.all(unended.map(async (run) => ({ request: run.request, report: await run.ended })));
    await this.#recorded;
    await this.#told;
    return ended.filter(({ report }) => report.outcome === 'cancelled' || report.isDeath === true).map(({ request }) => request);
  }

  /** The run with this key when it is known: whoever asks twice gets one. */
  #admit({ key }: RunRequest): QueuedRun | undefined {
    this.#forgetEnded();
    if (!this.#isStopping) return this.#runs.get(key);
    throw new HoldfastError('SERVICE_STOPPING', 'Cannot start a run: the service is about to stop', {
      hint: 'Ask again when the service is back',
      retry: { kind: 'later' },
    });
  }

  #add(request: RunRequest, waitsUntilMs: number | null): QueuedRun {
    const run = new QueuedRun(request, { askedAt: this.#world.clock.now(), waitsUntilMs });
    this.#runs.set(request.key, run);
    this.#changed(run);
    return run;
  }

  #unended(): QueuedRun[] {
    return [...this.#runs.values()].filter(({ state }) => state !== 'ended');
  }

  #forgetEnded(): void {
    const oldestMs = this.#world.clock.monotonicMs() - keptMs;
    for (const [key, { endedMs }] of this.#runs) if (endedMs !== null && endedMs < oldestMs) this.#runs.delete(key);
  }

  /** One look after the other: each asks about locks, and what it finds must still hold when the run starts. */
  #look(): void {
    this.#looking = this.#looking.then(() => this.#startWaiting());
  }

  async #startWaiting(): Promise<void> {
    clearTimeout(this.#timer);
    for (const run of this.#unended()) {
      if (run.state !== 'waiting' || this.#isStopping) continue;
      const isHeld = await this.#isHeldElsewhere(run.request);
      if (run.state !== 'waiting' || this.#isStopping) continue;
      if (!isHeld && this.#hasTurn(run)) this.#start(run);
      else if (this.#world.clock.monotonicMs() >= (run.waitsUntilMs ?? 0)) await this.#giveUp(run, 'skipped', noTurn(run.request));
    }
    if (this.#unended().some(({ state }) => state === 'waiting')) this.#timer = setTimeout(() => this.#look(), lookAgainMs).unref();
  }

  #hasTurn(run: QueuedRun): boolean {
    const running = this.#unended().filter(({ state }) => state === 'running');
    const scheduled = running.filter(({ request }) => request.trigger.kind === 'schedule');
    return scheduled.length < this.#world.maxScheduled && !running.some(({ request }) => excludes(request, run.request));
  }

  async #isHeldElsewhere(request: RunRequest): Promise<boolean> {
    const lock = lockOf(request);
    try {
      return lock !== null && (await this.#world.isHeld(lock));
    } catch (error) {
      // The worker will meet the same trouble, and tell it.
      this.#world.log.debug('nobody can tell whether a lock is held', { lock, error: String(error) });
      return false;
    }
  }

  #start(run: QueuedRun): void {
    const process = this.#launch(run);
    if (process === undefined) return;
    run.start(process, this.#world.clock.now());
    this.#changed(run);
    void this.#follow(run, process);
  }

  /** Undefined when the system refuses another process: that is the end of this run, and of no other. */
  #launch(run: QueuedRun): RunningProcess | undefined {
    try {
      return this.#world.launcher.launch(run.request, (message) => this.#hear(run, message));
    } catch (error) {
      void this.#giveUp(run, 'failed', notLaunched(run.request, error));
      return undefined;
    }
  }

  async #follow(run: QueuedRun, process: RunningProcess): Promise<void> {
    const { request } = run;
    const recorded = this.#record(run, process.pid);
    const report = await process.ended;
    await recorded;
    if (report.isDeath === true) await this.#tolerate('a dead run could not be closed', () => this.#world.onDeath(request, report));
    await this.#tolerate('a run that ended is still on record', () => this.#world.records.remove(request.key));
    this.#end(run, report);
  }

  async #record({ request, startedAt }: QueuedRun, pid: number): Promise<void> {
    const { key, verb, plan } = request;
    await this.#tolerate('a run goes on without a record: when the service is killed nobody will miss it', async () => {
      const processStart = this.#world.processStart(pid);
      if (processStart !== null && startedAt !== null) await this.#world.records.add({ key, pid, processStart, verb, plan, startedAt });
    });
  }

  async #giveUp(run: QueuedRun, outcome: 'skipped' | 'cancelled' | 'failed', error: HoldfastError): Promise<void> {
    const { code, message, hint } = error;
    const report: WorkerReport = { outcome, snapshotId: null, error: { code, message, hint }, durationMs: 0, details: null };
    this.#end(run, report);
    const record = (): Promise<void> => this.#world.onNotStarted(run.request, report);
    this.#recorded = this.#recorded.then(() => this.#tolerate('a run that did not start is not recorded', record));
    await this.#recorded;
  }

  #end(run: QueuedRun, report: WorkerReport): void {
    run.end(report, this.#world.clock.monotonicMs());
    this.#changed(run);
    this.#look();
  }

  #hear(run: QueuedRun, message: WorkerMessage): void {
    if (message.kind === 'event') this.#passOn(message.event);
    if (message.kind === 'progress') {
      run.progressed(message, this.#world.clock.monotonicMs());
      this.#changed(run);
    }
    if (message.kind === 'log') {
      const entry = run.log(message, this.#world.clock.now());
      this.#tell(this.#logListeners, entry);
    }
  }

  #passOn(event: Parameters<RunQueueWorld['onEvent']>[0]): void {
    const tell = (): Promise<void> => this.#world.onEvent(event);
    this.#told = this.#told.then(() => this.#tolerate('what a run told could not be passed on', tell));
  }

  #changed(run: QueuedRun): void {
    this.#tell(this.#listeners, run.view());
  }

  #tell<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
    for (const listener of listeners)
      try {
        listener(value);
      } catch (error) {
        this.#world.log.error('Whoever follows a run could not be told', { error: String(error) });
      }
  }

  async #tolerate(message: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#world.log.error(message, { error: error instanceof Error ? error.message : String(error) });
    }
  }
}

function alreadyAtWork({ plan, verb }: RunRequest, { request, state }: QueuedRun): HoldfastError {
  const article = request.verb === 'expire' ? 'an' : 'a';
  return new HoldfastError(
    'LOCK_HELD',
    `Cannot start ${verb} of plan "${plan}": ${article} ${request.verb} of it ${state === 'waiting' ? 'waits for its turn' : 'is going on'}`,
    { hint: 'Wait until it is done, or cancel it', retry: { kind: 'later' }, details: { plan, verb: request.verb, run: request.key } },
  );
}

function noTurn({ plan, verb, trigger }: RunRequest): HoldfastError {
  return new HoldfastError(
    'LOCK_HELD',
    `The ${verb} of plan "${plan}" due at ${trigger.dueAt ?? 'no time'} was passed over: others were at work for too long`,
    {
      hint: `See what takes so long: holdfast status; a longer gap between the times of the schedule helps`,
      details: { plan },
    },
  );
}

function notLaunched({ plan, verb }: RunRequest, cause: unknown): HoldfastError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError('INTERNAL', `Cannot start a process for the ${verb} of plan "${plan}": ${why}`, {
    hint: 'See whether memory or processes ran out on this machine (free, ulimit -u), then start the run again',
    cause,
  });
}

function cancelledBefore(by: string): HoldfastError {
  return new HoldfastError('CANCELLED', `Cancelled before it began: ${by}`, { hint: 'Start it again; nothing was done' });
}
