import type { RunRequest } from '../../src/domain/run-request.ts';
import type { RunLauncher, RunningProcess, WorkerMessage, WorkerReport } from '../../src/ports/runner.ts';

/** A run that was started, in the hand of the test. */
export interface HandHeldRun {
  readonly request: RunRequest;
  readonly cancelled: readonly string[];
  say(message: WorkerMessage): void;
  end(report?: Partial<WorkerReport>): void;
}

/** Starts nothing: each run ends when the test says so. */
export class HandHeldLauncher implements RunLauncher {
  readonly runs: HandHeldRun[] = [];

  launch(request: RunRequest, listener: (message: WorkerMessage) => void): RunningProcess {
    const { promise, resolve } = Promise.withResolvers<WorkerReport>();
    const cancelled: string[] = [];
    const end = (report: Partial<WorkerReport> = {}): void =>
      resolve({ outcome: 'succeeded', snapshotId: null, error: null, durationMs: 1, details: {}, ...report });
    this.runs.push({ request, cancelled, say: listener, end });
    return { pid: process.pid, ended: promise, cancel: (reason) => void cancelled.push(reason) };
  }

  /** The latest run of this verb. */
  run(verb: string): HandHeldRun {
    const found = this.runs.findLast(({ request }) => request.verb === verb);
    if (found === undefined) throw new Error(`no ${verb} was started`);
    return found;
  }
}
