import { HoldfastError, isHoldfastError, type ToldError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import { newestCounting } from '../domain/retention.ts';
import type { NewRun, Run, Verb } from '../ports/history.ts';
import type { OperationContext } from './context.ts';
import { eventOfRun, type RunNews } from './event-of-run.ts';

/** What every operation's report begins with. */
export interface RunReport {
  readonly runId: string | null;
  readonly outcome: Outcome;
  readonly error: ToldError | null;
  readonly durationMs: number;
}

export function tellError(thrown: unknown): ToldError {
  const error = firstError(thrown);
  if (isHoldfastError(error)) return { code: error.code, message: error.message, hint: error.hint };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', message, hint: 'Report this as a bug with the output of the same command and HOLDFAST_LOG=debug' };
}

/** `failed`, or `cancelled` when a person ended it; a service that went away under its run (`details.killed`) is no person. */
export function failedOutcome(error: unknown): 'failed' | 'cancelled' {
  const first = firstError(error);
  return isHoldfastError(first, 'CANCELLED') && first.details['killed'] !== true ? 'cancelled' : 'failed';
}

/** What went wrong before closing something went wrong too: that is the cause to tell. */
function firstError(error: unknown): unknown {
  return error instanceof SuppressedError ? firstError(error.suppressed) : error;
}

interface RunBody<T> {
  readonly verb: Verb;
  readonly plan: string | null;
  /**
   * Returns what to record and to report. Throwing records a failed run and reports the error. It says when it has begun in
   * earnest: nobody is told of the start of a run that stands back at once, since another one goes on.
   */
  readonly body: (begun: () => void) => Promise<{
    readonly outcome: Outcome;
    readonly snapshotId: string | null;
    readonly details: T;
    readonly error?: ToldError;
  }>;
}

/**
 * Keeps the history's account of one run: started before anything happens, ended in every case. A history that cannot be
 * written never keeps a backup from being made: the run goes on, and the log says so.
 */
export async function recordRun<T extends object>(
  context: OperationContext,
  { verb, plan, body }: RunBody<T>,
): Promise<RunReport & { readonly snapshotId: string | null; readonly details: T | null }> {
  const startedMs = context.clock.monotonicMs();
  const key = context.newRunKey();
  await using _alive = await proofOfLife(context, key);
  const started: NewRun = { key, trigger: context.trigger, verb, plan, startedAt: context.clock.now() };
  const runId = await tolerateHistory(context, () => context.history.startRun(started));
  let toldOfStart = Promise.resolve();
  const begun = (): void => {
    toldOfStart = announce(context, { ...started, at: started.startedAt, end: null });
  };
  const end = await body(begun).then(
    (result) => ({ error: null, ...result }),
    (error: unknown) => ({ outcome: failedOutcome(error), snapshotId: null, details: null, error: logged(context, verb, error) }),
  );
  const { outcome, snapshotId, details, error } = end;
  const endedAt = context.clock.now();
  const durationMs = Math.round(context.clock.monotonicMs() - startedMs);
  if (runId !== null)
    await tolerateHistory(context, () => context.history.endRun(runId, { endedAt, outcome, snapshotId, error, details: { ...details } }));
  await toldOfStart;
  await announce(context, { ...started, at: endedAt, end: { outcome, snapshotId, error, details: { ...details }, durationMs } });
  return { runId, outcome, snapshotId, details, error, durationMs };
}

/** How a run ended whose process could tell nobody any more. Nothing for one that the history does not know, or not the end of. */
export async function announceEnd(context: OperationContext, key: string): Promise<void> {
  const run = await tolerateHistory(context, () => context.history.run(key));
  if (run?.end === null || run?.end === undefined) return;
  const { endedAt, ...end } = run.end;
  await announce(context, { ...run, at: endedAt, end: { ...end, durationMs: endedAt.getTime() - run.startedAt.getTime() } });
}

/** A run that never began: it had no turn, or was called off before. */
export async function recordUnstarted(
  context: OperationContext,
  { key, trigger, verb, plan }: Pick<NewRun, 'key' | 'trigger' | 'verb' | 'plan'>,
  { outcome, error }: Pick<RunReport, 'outcome' | 'error'>,
): Promise<void> {
  const at = context.clock.now();
  const end = { outcome, error, snapshotId: null, details: {} };
  await using _alive = await proofOfLife(context, key);
  await tolerateHistory(context, async () => {
    const id = await context.history.startRun({ key, trigger, verb, plan, startedAt: at });
    await context.history.endRun(id, { ...end, endedAt: at });
  });
  await announce(context, { key, verb, plan, at, end: { ...end, durationMs: 0 } });
}

/** Tells of a run. Nothing that goes wrong with that is a failure of the run. */
async function announce(context: OperationContext, news: Omit<RunNews, 'newestVerifiedAt'>): Promise<void> {
  try {
    const isProblem = news.end !== null && news.end.outcome !== 'succeeded';
    const newestVerifiedAt = isProblem && news.plan !== null ? await newestVerified(context, news.plan) : null;
    const event = eventOfRun({ ...news, newestVerifiedAt });
    if (event !== null) await context.emit(event);
  } catch (error) {
    context.log.warn('What happened could not be told to anybody', { error: tellError(error).message, run: news.key });
  }
}

async function newestVerified({ history }: OperationContext, plan: string): Promise<Date | null> {
  const known = await history.facts({ plan }).catch(() => []);
  const verified = newestCounting(known);
  return verified === undefined ? null : new Date(verified.createdAt);
}

function logged(context: OperationContext, verb: Verb, error: unknown): ToldError {
  context.log.debug(`${verb} failed`, {
    stack: stackOf(error),
    cause: error instanceof Error && error.cause !== undefined ? stackOf(error.cause) : null,
  });
  return tellError(error);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Null when the history cannot be used: it is an index of the stores, and nothing that they hold depends on it. */
export async function tolerateHistory<T>(context: OperationContext, use: () => Promise<T>): Promise<T | null> {
  try {
    return await use();
  } catch (error) {
    if (!isHoldfastError(error, 'HISTORY_UNREADABLE')) throw error;
    context.log.warn('The history could not be used; what the stores hold is not touched by that', {
      error: error.message,
      next: error.hint,
    });
    return null;
  }
}

/** From before it is recorded until its end is. A run must not fail for want of it: it may be taken for dead then, until it ends. */
async function proofOfLife(context: OperationContext, key: string): Promise<AsyncDisposable | undefined> {
  try {
    return await context.lock.proveAlive(key);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    context.log.debug('this run has no proof of life', { run: key, error: error.message });
    return undefined;
  }
}

/**
 * Closes the records of all runs of a plan that died: those without an end that nobody proves alive. Null: of rescues, which
 * are of no plan. Returns those that were closed; somebody has been told of each, once.
 */
export async function closeDeadRuns(context: OperationContext, plan: string | null): Promise<readonly Run[]> {
  const filter = { unended: true, ...(plan === null ? { verb: 'rescue' as const } : { plan }) };
  const suspects = (await tolerateHistory(context, () => context.history.runs(filter))) ?? [];
  const closed: Run[] = [];
  for (const run of suspects) if (await closeIfDead(context, run)) closed.push(run);
  return closed;
}

async function closeIfDead(context: OperationContext, run: Run): Promise<boolean> {
  try {
    if (await context.lock.isAlive(run.key)) return false;
    await using _mine = await context.lock.proveAlive(run.key);
    // It may have ended between the two looks, or somebody else closed it.
    if ((await context.history.run(run.key))?.end !== null) return false;
    await closeDead(context, run);
    return true;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    context.log.debug('a run that may be dead is left for the next time', { run: run.key, error: error.message });
    return false;
  }
}

async function closeDead(context: OperationContext, run: Run): Promise<void> {
  const error = tellError(
    new HoldfastError('CANCELLED', `The ${run.verb} of ${run.startedAt.toISOString()} was killed: its process ended before it was done`, {
      hint: 'Look in the system log for the reason (memory, power, a stopped service)',
    }),
  );
  const endedAt = context.clock.now();
  const end = { outcome: 'failed', snapshotId: null, error, details: {} } as const;
  await context.history.endRun(run.id, { ...end, endedAt });
  await announce(context, { ...run, at: endedAt, end: { ...end, durationMs: null } });
}
