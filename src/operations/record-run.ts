import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Verb } from '../ports/history.ts';
import type { OperationContext } from './context.ts';

/** An error as reports, `--json` and the history tell it. */
export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

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

/** `failed`, or `cancelled` when that is why. */
export function failedOutcome(error: unknown): 'failed' | 'cancelled' {
  return isHoldfastError(firstError(error), 'CANCELLED') ? 'cancelled' : 'failed';
}

/** What went wrong before closing something went wrong too: that is the cause to tell. */
function firstError(error: unknown): unknown {
  return error instanceof SuppressedError ? firstError(error.suppressed) : error;
}

interface RunBody<T> {
  readonly verb: Verb;
  readonly plan: string | null;
  /** Returns what to record and to report. Throwing records a failed run and reports the error. */
  readonly body: () => Promise<{
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
  const started = context.clock.monotonicMs();
  const runId = await tolerateHistory(context, () => context.history.startRun({ verb, plan, startedAt: context.clock.now() }));
  const end = await body().then(
    (result) => ({ error: null, ...result }),
    (error: unknown) => ({ outcome: failedOutcome(error), snapshotId: null, details: null, error: logged(context, verb, error) }),
  );
  const { outcome, snapshotId, details, error } = end;
  if (runId !== null)
    await tolerateHistory(context, () =>
      context.history.endRun(runId, { endedAt: context.clock.now(), outcome, snapshotId, error, details: { ...details } }),
    );
  return { runId, outcome, snapshotId, details, error, durationMs: Math.round(context.clock.monotonicMs() - started) };
}

function logged(context: OperationContext, verb: Verb, error: unknown): ToldError {
  context.log.debug(`${verb} failed`, { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  return tellError(error);
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

/** A run of this verb that never ended, seen by somebody who holds the lock that it would hold, has died: its record is closed. */
export async function closeDeadRuns(
  context: OperationContext,
  { plan, verb }: { readonly plan: string; readonly verb: Verb },
): Promise<void> {
  const dead = await tolerateHistory(context, () => context.history.runs({ plan, verb, unended: true }));
  for (const run of dead ?? []) {
    const error = tellError(
      new HoldfastError('CANCELLED', `The ${run.verb} of ${run.startedAt.toISOString()} was killed before it ended`, {
        hint: 'Look in the system log for the reason (memory, power, a stopped service)',
      }),
    );
    await tolerateHistory(context, () =>
      context.history.endRun(run.id, { endedAt: context.clock.now(), outcome: 'failed', snapshotId: null, error, details: {} }),
    );
  }
}
