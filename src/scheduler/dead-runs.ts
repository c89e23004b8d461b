import { setTimeout as wait } from 'node:timers/promises';
import { isHoldfastError } from '../domain/errors.ts';
import type { Plan } from '../domain/plan.ts';
import type { OperationContext } from '../operations/context.ts';
import { announceEnd, closeAllDeadRuns, tellError } from '../operations/record-run.ts';
import type { LiveRunRecords } from '../ports/service-state.ts';

/** A worker that outlived its service stops by itself; one that has not by then is told to. */
const patienceMs = 60_000;
const pollMs = 250;

export interface DeadRunsWorld {
  readonly context: OperationContext;
  readonly records: LiveRunRecords;
  /** Null when there is no such process. */
  processStart(pid: number): string | null;
  endProcess(pid: number): void;
}

type LiveRunRecord = Awaited<ReturnType<LiveRunRecords['all']>>[number];

/**
 * After a start: what the service before this one left behind is ended and told. Workers that are still alive notice that
 * their service is gone, and stop; until then they hold their plans' locks. Never throws.
 */
export async function settleRunsOfBefore(plans: Iterable<Plan>, world: DeadRunsWorld, signal: AbortSignal): Promise<void> {
  await tolerate(world, async () => {
    const left = await world.records.all();
    const waiting = left.map((record) => tolerate(world, () => settleOne(record, world, signal)));
    const concerned = new Set(left.map(({ plan }) => plan));
    // Commands die too, and nobody but the next run of the plan would tell.
    for (const { name } of plans) if (!concerned.has(name)) await tolerate(world, () => closeDead(name, world.context));
    await Promise.all(waiting);
  });
}

/** What was left behind is no reason for a service not to go on. */
async function tolerate({ context }: DeadRunsWorld, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    context.log.error('What was left of the service before this one could not be ended; the next start tries again', {
      error: tellError(error).message,
    });
  }
}

async function settleOne(record: LiveRunRecord, world: DeadRunsWorld, signal: AbortSignal): Promise<void> {
  const { context, records } = world;
  await untilGone(record, world, signal);
  if (signal.aborted) return;
  const wasClosed = await closeDead(record.plan, context);
  // It had time to write down its end, and nobody who could have passed it on.
  if (!wasClosed.includes(record.key)) await announceEnd(context, record.key);
  await records.remove(record.key);
  context.log.warn('A run of the service before this one was ended with it', { run: record.key, verb: record.verb, plan: record.plan });
}

async function untilGone({ pid, processStart }: LiveRunRecord, world: DeadRunsWorld, signal: AbortSignal): Promise<void> {
  const { clock } = world.context;
  const startedMs = clock.monotonicMs();
  let wasTold = false;
  while (!signal.aborted && world.processStart(pid) === processStart) {
    if (!wasTold && clock.monotonicMs() - startedMs > patienceMs) {
      wasTold = true;
      tellToEnd(pid, world);
    }
    await wait(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

/** It may have ended in the very moment, or belong to another user: both show in whether it is still there. */
function tellToEnd(pid: number, world: DeadRunsWorld): void {
  try {
    world.endProcess(pid);
  } catch (error) {
    world.context.log.debug('a worker of the service before this one could not be told to end', { pid, error: String(error) });
  }
}

/** Keys of the runs that were closed. None when somebody is at work on the plan: the next run of it closes them. */
export async function closeDead(plan: string, context: OperationContext): Promise<string[]> {
  try {
    await using _lock = await context.lock.acquire(plan);
    return (await closeAllDeadRuns(context, plan)).map(({ key }) => key);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    context.log.debug('dead runs are left for the next time', { plan, error: error.message });
    return [];
  }
}
