import type { RunRequest } from '../domain/run-request.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { HoldfastEvent } from '../domain/events.ts';

/** What a worker process tells while it works; JSON over IPC, instants as ISO text. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'started'; readonly runId: string | null }
  | { readonly kind: 'progress'; readonly label: string; readonly doneBytes: number; readonly totalBytes: number | null }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'event';
      readonly event: Omit<HoldfastEvent, 'at' | 'atRiskSince'> & { readonly at: string; readonly atRiskSince: string | null };
    }
  | { readonly kind: 'ended'; readonly report: WorkerReport };

export interface WorkerReport {
  readonly outcome: Outcome;
  readonly snapshotId: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null;
  readonly durationMs: number;
  /** The operation's own report, plain JSON. */
  readonly details: unknown;
  /** The worker ended without a word: what it had begun to record is still open. */
  readonly isDeath?: true;
}

/** What a run logged. */
export interface RunLogEntry {
  /** Of the run. */
  readonly key: string;
  readonly at: Date;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Starts each run in a process of its own. A worker whose service dies notices (its channel closes), aborts in order and
 * records why. `cancel` asks first (SIGTERM) and ends it after 60 s (SIGKILL).
 */
export interface RunLauncher {
  launch(request: RunRequest, listener: (message: WorkerMessage) => void): RunningProcess;
}

export interface RunningProcess {
  readonly pid: number;
  /** Never rejects: a worker that dies without a report gives outcome `failed`, code `INTERNAL`, with its exit code or signal. */
  readonly ended: Promise<WorkerReport>;
  cancel(reason: string): void;
}

/** A run as the service sees it, from the moment it was asked for. */
export interface LiveRun {
  readonly request: RunRequest;
  readonly state: 'waiting' | 'running' | 'ended';
  readonly askedAt: Date;
  readonly startedAt: Date | null;
  readonly progress: {
    readonly label: string;
    readonly doneBytes: number;
    readonly totalBytes: number | null;
    readonly bytesPerSecond: number | null;
  } | null;
  readonly report: WorkerReport | null;
}

/** The one place that starts runs in the service; scheduler and API both ask it. */
export interface RunQueue {
  /** Throws `LOCK_HELD` when a run of the same plan that excludes it waits or goes on, `SERVICE_STOPPING`. */
  submit(request: RunRequest): LiveRun;
  /** Waiting and running ones, and those that ended in the last 10 minutes. */
  live(): readonly LiveRun[];
  find(key: string): LiveRun | undefined;
  /** Resolves at the end of the run, however it ends. Throws `RUN_UNKNOWN`. */
  whenEnded(key: string): Promise<WorkerReport>;
  /** False when there is no such run, or it has ended. */
  cancel(key: string, by: string): boolean;
  /** Every change of every run. Returns how to stop listening. */
  subscribe(listener: (run: LiveRun) => void): () => void;
  /** The last 500 lines that a run of `live` logged, oldest first; empty for one that is not known. */
  log(key: string): readonly RunLogEntry[];
  subscribeToLog(listener: (entry: RunLogEntry) => void): () => void;
}
