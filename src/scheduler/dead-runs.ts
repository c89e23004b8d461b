import { setTimeout as wait } from 'node:timers/promises';
import type { Plan } from '../domain/plan.ts';
import type { OperationContext } from '../operations/context.ts';
import { announceEnd, closeDeadRuns, tellError } from '../operations/record-run.ts';
import type { LiveRunRecords } from '../ports/service-state.ts';

/** A worker that outlived its service stops by itself; one that has not by then is told to (SIGTERM), and after twice that ended (SIGKILL). */
const patienceMs = 60_000;
const pollMs = 250;
const historyPollMs = 1_000;

export interface DeadRunsWorld {
  readonly context: OperationContext;
  readonly records: LiveRunRecords;
  /** Null when there is no such process. */
  processStart(pid: number): string | null;
  endProcess(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void;
}

type LiveRunRecord = Awaited<ReturnType<LiveRunRecords['all']>>[number];

/** What the service before this one left behind: it is ended and told. Nothing of it throws. */
export class RunsOfBefore {
  readonly #plans: readonly string[];
  readonly #world: DeadRunsWorld;
  /** Somebody has been told of the end of these. */
  readonly #closed = new Set<string>();

  constructor(plans: Iterable<Pick<Plan, 'name'>>, world: DeadRunsWorld) {
    this.#plans = [...plans].map(({ name }) => name);
    this.#world = world;
  }

  /** Closes what nobody proves alive, that of commands too: whoever asks afterwards sees none of it going on. */
  async closeDead(): Promise<void> {
    for (const plan of [...this.#plans, null]) await this.#tolerate(() => this.#closeDeadOf(plan));
  }

  /**
   * Ends the workers that are left. They notice that their service is gone, and stop; until then they hold their plans'
   * locks. What cannot be told while the history is away is told when it is back.
   */
  async settle(signal: AbortSignal): Promise<void> {
    await this.#tolerate(async () => {
      const left = await this.#world.records.all();
      await Promise.all(left.map((record) => this.#tolerate(() => this.#settleOne(record, signal))));
    });
  }

  /** What was left behind is no reason for a service not to go on. */
  async #tolerate(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#world.context.log.error('What was left of the service before this one could not be ended; the next start tries again', {
        error: tellError(error).message,
      });
    }
  }

  async #closeDeadOf(plan: string | null): Promise<void> {
    for (const { key } of await closeDeadRuns(this.#world.context, plan)) this.#closed.add(key);
  }

  async #settleOne(record: LiveRunRecord, signal: AbortSignal): Promise<void> {
    const { context, records } = this.#world;
    await this.#untilGone(record, signal);
    await untilReadable(context, signal);
    if (signal.aborted) return;
    await this.#closeDeadOf(record.plan);
    // It had time to write down its end, and nobody who could have passed it on.
    if (!this.#closed.has(record.key)) await announceEnd(context, record.key);
    await records.remove(record.key);
    context.log.warn('A run of the service before this one was ended with it', { run: record.key, verb: record.verb, plan: record.plan });
  }

  async #untilGone(record: LiveRunRecord, signal: AbortSignal): Promise<void> {
    const { clock } = this.#world.context;
    const startedMs = clock.monotonicMs();
    const signals = ['SIGTERM', 'SIGKILL'] as const;
    for (let sent = 0; !signal.aborted && this.#isThere(record);) {
      const next = signals[sent];
      if (next !== undefined && clock.monotonicMs() - startedMs > (sent + 1) * patienceMs) {
        sent++;
        this.#end(record, next);
      }
      await wait(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Not another process that got the same number since. */
  #isThere({ pid, processStart }: LiveRunRecord): boolean {
    return this.#world.processStart(pid) === processStart;
  }

  /** It may have ended in the very moment, or belong to another user: both show in whether it is still there. */
  #end({ key, plan, verb, pid }: LiveRunRecord, signal: 'SIGTERM' | 'SIGKILL'): void {
    const { log } = this.#world.context;
    log.warn('A run of the service before this one does not end; its process gets a signal', { run: key, verb, plan, pid, signal });
    try {
      this.#world.endProcess(pid, signal);
    } catch (error) {
      log.debug('a worker of the service before this one could not be told to end', { pid, error: String(error) });
    }
  }
}

async function untilReadable({ history }: OperationContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !(await isReadable(history))) await wait(historyPollMs, undefined, { signal }).catch(() => undefined);
}

function isReadable(history: OperationContext['history']): Promise<boolean> {
  return history.revision().then(
    () => true,
    () => false,
  );
}
