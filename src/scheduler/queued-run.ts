import type { RunRequest } from '../domain/run-request.ts';
import type { LiveRun, RunLogEntry, RunningProcess, WorkerMessage, WorkerReport } from '../ports/runner.ts';

const keptLines = 500;

/** One run of the queue, from the moment it was asked for. */
export class QueuedRun {
  readonly request: RunRequest;
  readonly askedAt: Date;
  /** On the monotonic clock; null for what does not wait. */
  readonly waitsUntilMs: number | null;
  readonly ended: Promise<WorkerReport>;
  readonly #settle: (report: WorkerReport) => void;
  readonly #logged: RunLogEntry[] = [];
  #startedAt: Date | null = null;
  #process: RunningProcess | undefined;
  #progress: LiveRun['progress'] = null;
  #stepStartedMs = 0;
  #report: WorkerReport | null = null;
  #endedMs: number | null = null;

  constructor(request: RunRequest, { askedAt, waitsUntilMs }: { readonly askedAt: Date; readonly waitsUntilMs: number | null }) {
    this.request = request;
    this.askedAt = askedAt;
    this.waitsUntilMs = waitsUntilMs;
    const { promise, resolve } = Promise.withResolvers<WorkerReport>();
    this.ended = promise;
    this.#settle = resolve;
  }

  get state(): LiveRun['state'] {
    if (this.#report !== null) return 'ended';
    return this.#startedAt === null ? 'waiting' : 'running';
  }

  get startedAt(): Date | null {
    return this.#startedAt;
  }

  get process(): RunningProcess | undefined {
    return this.#process;
  }

  get endedMs(): number | null {
    return this.#endedMs;
  }

  get logged(): readonly RunLogEntry[] {
    return this.#logged;
  }

  start(process: RunningProcess, startedAt: Date): void {
    this.#process = process;
    this.#startedAt = startedAt;
  }

  end(report: WorkerReport, endedMs: number): void {
    this.#report = report;
    this.#progress = null;
    this.#endedMs = endedMs;
    this.#settle(report);
  }

  /** The rate is the step's own, since it began: what was done before says nothing of it. */
  progressed({ label, doneBytes, totalBytes }: Extract<WorkerMessage, { kind: 'progress' }>, nowMs: number): void {
    if (this.#progress?.label !== label) this.#stepStartedMs = nowMs;
    const seconds = (nowMs - this.#stepStartedMs) / 1000;
    const bytesPerSecond = seconds > 0 && doneBytes > 0 ? doneBytes / seconds : null;
    this.#progress = { label, doneBytes, totalBytes, bytesPerSecond };
  }

  log({ level, message, fields }: Extract<WorkerMessage, { kind: 'log' }>, at: Date): RunLogEntry {
    const entry = { key: this.request.key, at, level, message, fields };
    this.#logged.push(entry);
    if (this.#logged.length > keptLines) this.#logged.shift();
    return entry;
  }

  view(): LiveRun {
    const { request, state, askedAt } = this;
    return { request, state, askedAt, startedAt: this.#startedAt, progress: this.#progress, report: this.#report };
  }
}
