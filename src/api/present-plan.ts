import { scheduledVerbs } from '../domain/due.ts';
import { heldInAll, type PlanState } from '../operations/status.ts';
import type { ApiContext } from './api-context.ts';
import type { PlanStatus } from './contract.ts';
import { presentRun, presentSummary } from './present.ts';

/** How a plan stands, without the runs that the queue knows: those change by the second. */
export function presentPlan(state: PlanState, preview: ApiContext['preview']): PlanStatus {
  const { plan, health, newest, newestProven, lastRun, lastDrill, isRunning, now } = state;
  const { rpoHours, rtoMinutes } = plan.objectives;
  return {
    name: plan.name,
    health: health.kind,
    reasons: health.reasons.map((reason) => ({ ...reason })),
    provenAt: newestProven === undefined ? null : new Date(newestProven.createdAt).toISOString(),
    newest: newest === undefined ? null : presentSummary(newest),
    newestVerified: newestProven === undefined ? null : presentSummary(newestProven),
    lastDrill: lastDrill === undefined ? null : presentDrill(lastDrill),
    lastRun: lastRun === undefined ? null : presentRun(lastRun),
    running: isRunning && lastRun?.end === null ? [presentRun(lastRun)] : [],
    next: nextOf(state, now, preview),
    ...heldInAll(state),
    stores: plan.stores.map(({ name }) => name),
    copies: state.copies.map(({ newest: last, newestAt: _, ...copy }) => ({
      ...copy,
      newest: last === undefined ? null : presentSummary(last),
    })),
    sources: plan.sources.map(({ kind, name }) => ({ kind, name })),
    objectives: {
      rpoMs: rpoHours === null ? null : Math.round(rpoHours * 3_600_000),
      rtoMs: rtoMinutes === null ? null : Math.round(rtoMinutes * 60_000),
    },
  };
}

function nextOf({ plan }: PlanState, now: Date, preview: ApiContext['preview']): PlanStatus['next'] {
  return scheduledVerbs
    .flatMap((verb) => preview(plan, verb, now, 1).map(({ at, why }) => ({ plan: plan.name, verb, at: at.toISOString(), why })))
    .toSorted((a, b) => (a.at < b.at ? -1 : 1));
}

function presentDrill({ startedAt, end }: NonNullable<PlanState['lastDrill']>): NonNullable<PlanStatus['lastDrill']> {
  return {
    at: startedAt.toISOString(),
    outcome: end?.outcome ?? null,
    rtoMs: wholeNumber(end?.details['rtoMs']),
    rpoMs: wholeNumber(end?.details['rpoMs']),
  };
}

export function wholeNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? Math.round(value) : null;
}
