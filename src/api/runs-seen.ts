import { z } from 'zod';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { Principal } from '../domain/principal.ts';
import type { Run, RunFilter } from '../ports/history.ts';
import type { LiveRun } from '../ports/runner.ts';
import type { ApiContext } from './api-context.ts';
import type { ApiRun, ApiRunDetail } from './contract.ts';
import { pageOf, placeOf } from './cursors.ts';
import { presentLive, presentRun } from './present.ts';
import { boundTo, sees } from './sight.ts';

type Looking = Pick<ApiContext, 'queue' | 'world'>;

/** A run as the queue or the history has it, with the details of its end. Throws `RUN_UNKNOWN`. */
export async function runNamed(
  { queue, world }: Looking,
  principal: Principal | null,
  key: string,
): Promise<{ readonly run: ApiRun; readonly details: ApiRunDetail['details'] }> {
  const live = queue.find(key);
  const known = await world.history.run(key).catch((error: unknown) => {
    // While the history is away, runs of the queue are still known.
    if (live !== undefined && isHoldfastError(error, 'HISTORY_UNREADABLE')) return undefined;
    throw error;
  });
  const plan = live?.request.plan ?? known?.plan ?? null;
  if (live === undefined && known === undefined) throw unknownRun(key);
  if (!sees(principal, plan)) throw unknownRun(key);
  const run = known === undefined ? live && presentLive(live) : presentRun(known, live);
  if (run === undefined) throw unknownRun(key);
  return { run, details: { ...known?.end?.details } };
}

function unknownRun(key: string): HoldfastError {
  return new HoldfastError('RUN_UNKNOWN', `There is no run "${key}"`, { hint: 'See which there were: GET /api/v1/runs' });
}

export interface RunsWanted extends Pick<RunFilter, 'plan' | 'verb' | 'outcome' | 'since'> {
  readonly limit: number;
  readonly before?: string | undefined;
}

const place = z.strictObject({ key: z.string().min(1).max(100) });

/** Newest first; on the first page, those too that wait and of which the history knows nothing yet. */
export async function runsSeen(
  { queue, world }: Looking,
  principal: Principal | null,
  wanted: RunsWanted,
): Promise<{ readonly items: readonly ApiRun[]; readonly next: string | null }> {
  const { before, limit, ...filter } = wanted;
  const key = placeOf(before, place)?.key;
  const plans = plansAsked(principal, filter.plan);
  const found: Run[] = [];
  for (const plan of plans) {
    const ofPlan = plan === undefined ? {} : { plan };
    found.push(...(await world.history.runs({ ...filter, ...ofPlan, limit: limit + 1, ...(key === undefined ? {} : { before: key }) })));
  }
  const ordered = plans.length === 1 ? found : found.toSorted((a, b) => Number(b.id) - Number(a.id));
  const { items, next } = pageOf(ordered, limit, (run) => ({ key: run.key }));
  const known = new Set(ordered.map((run) => run.key));
  const unrecorded =
    key === undefined ? queue.live().filter((live) => isWanted(live, filter, principal) && !known.has(live.request.key)) : [];
  const recorded = items.map((run) => presentRun(run, queue.find(run.key)));
  return { items: [...unrecorded.map(presentLive).toReversed(), ...recorded], next };
}

/** One question to the history for each plan that a token is bound to; a single one for everybody else. */
function plansAsked(principal: Principal | null, plan: string | undefined): readonly (string | undefined)[] {
  const bound = boundTo(principal);
  if (plan !== undefined) return sees(principal, plan) ? [plan] : [];
  return bound ?? [undefined];
}

/** Ended ones are in the history. */
function isWanted(
  { request, state }: LiveRun,
  { plan, verb, outcome, since }: Omit<RunsWanted, 'limit' | 'before'>,
  principal: Principal | null,
): boolean {
  if (state === 'ended' || outcome !== undefined || since !== undefined) return false;
  return sees(principal, request.plan) && (plan === undefined || plan === request.plan) && (verb === undefined || verb === request.verb);
}
