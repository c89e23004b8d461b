import { z } from 'zod';
import { scheduledVerbs } from '../../domain/due.ts';
import { previewExpire } from '../../operations/preview-expire.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RunFigures } from '../../ports/history.ts';
import type { ApiContext } from '../api-context.ts';
import { requireConfirmed } from '../confirmations.ts';
import {
  backupRequest,
  drillRequest,
  expirePreview,
  expireRequest,
  nextRun,
  page,
  planName,
  planStatus,
  run,
  series,
} from '../contract.ts';
import { KeptReplies } from '../kept-replies.ts';
import { wholeNumber } from '../present-plan.ts';
import { route, type AnyRoute } from '../route.ts';
import { copiesOf, planNamed } from '../sight.ts';
import { accepted, startRun } from '../start-run.ts';
import { statusFor } from './status.ts';

const ofPlan = {
  group: 'plans',
  params: z.strictObject({ plan: planName }),
  planOf: ({ params }: { readonly params: { readonly plan: string } }) => params.plan,
} as const;
const reading = { ...ofPlan, method: 'GET', needs: 'viewer' } as const;
const act = { ...ofPlan, method: 'POST', needs: 'operator', replies: { 202: run } } as const;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const json = { 'content-type': 'application/json; charset=utf-8' };

type Point = z.infer<typeof series>['points'][number];

export function planRoutes(context: ApiContext): readonly AnyRoute[] {
  return [...planReadings(context), ...planActs(context)];
}

function planReadings(context: ApiContext): readonly AnyRoute[] {
  const { history, clock } = context.world;
  const kept = new KeptReplies(history);
  return [
    route({
      method: 'GET',
      path: '/api/v1/plans',
      id: 'listPlans',
      group: 'plans',
      summary: 'Tell how every plan stands',
      needs: 'viewer',
      replies: { 200: page('PlanPage', planStatus) },
      handle: async ({ principal }) => ({ status: 200, body: { items: statusFor(context, principal).plans, next: null } }),
    }),
    route({
      ...reading,
      path: '/api/v1/plans/:plan',
      id: 'getPlan',
      summary: 'Tell how a plan stands: health with reasons, the newest proof, what runs, what is next',
      replies: { 200: planStatus },
      handle: async ({ params, principal }) => {
        const { name } = planNamed(context, principal, params.plan);
        return { status: 200, body: statusFor(context, principal).plans.find((plan) => plan.name === name) };
      },
    }),
    route({
      ...reading,
      path: '/api/v1/plans/:plan/series',
      id: 'getSeries',
      summary: 'Backups and drills of the last days, oldest first, for charts',
      query: z.strictObject({ days: z.coerce.number().int().min(1).max(400).default(90) }),
      replies: { 200: series },
      handle: async ({ params, query, principal }) => {
        const { name } = planNamed(context, principal, params.plan);
        const since = new Date(startOf(hourMs, clock) - query.days * dayMs);
        const body = await kept.json(`series ${name} ${since.toISOString()}`, async () => ({
          plan: name,
          points: (await history.series({ plan: name, since })).map(pointOf),
        }));
        return { status: 200, headers: json, body };
      },
    }),
    route({
      ...reading,
      path: '/api/v1/plans/:plan/schedule',
      id: 'getSchedule',
      summary: 'The next runs of every schedule of a plan, and why then',
      query: z.strictObject({
        from: z.iso.datetime().optional().describe('default: now'),
        count: z.coerce.number().int().min(1).max(100).default(10),
      }),
      replies: { 200: page('NextRunPage', nextRun) },
      handle: async ({ params, query, principal }) => {
        const plan = planNamed(context, principal, params.plan);
        const from = query.from === undefined ? context.world.clock.now() : new Date(query.from);
        const next = scheduledVerbs
          .flatMap((verb) => context.preview(plan, verb, from, query.count).map(({ at, why }) => ({ verb, at, why })))
          .toSorted((a, b) => a.at.getTime() - b.at.getTime())
          .slice(0, query.count);
        return { status: 200, body: { items: next.map((item) => ({ plan: plan.name, ...item, at: item.at.toISOString() })), next: null } };
      },
    }),
    route({
      ...reading,
      path: '/api/v1/plans/:plan/expire',
      id: 'previewExpire',
      summary: 'What the retention rules would keep and remove now, and why; nothing is changed',
      replies: { 200: expirePreview },
      handle: async ({ params, principal }) => {
        const plan = planNamed(context, principal, params.plan);
        const body = await kept.json(`expire ${plan.name} ${startOf(minuteMs, clock)}`, async () => ({
          plan: plan.name,
          stores: await previewExpire(plan, context.world),
        }));
        return { status: 200, headers: json, body };
      },
    }),
  ];
}

function planActs(context: ApiContext): readonly AnyRoute[] {
  return [
    route({
      ...act,
      path: '/api/v1/plans/:plan/backups',
      id: 'startBackup',
      summary: 'Back up now',
      body: backupRequest,
      idempotencyKey: 'accepted',
      act: 'backup',
      handle: async ({ params, body, principal, runKey }) => {
        const plan = planNamed(context, principal, params.plan).name;
        return accepted(startRun(context, { principal, runKey }, { verb: 'backup', plan, description: body.description ?? null }), plan);
      },
    }),
    route({
      ...act,
      path: '/api/v1/plans/:plan/drills',
      id: 'startDrill',
      summary: 'Restore into a scratch place, compare everything, and measure how long it took',
      body: drillRequest,
      idempotencyKey: 'accepted',
      act: 'drill',
      handle: async ({ params, body, principal, runKey }) => {
        const plan = planNamed(context, principal, params.plan).name;
        if (body.snapshot !== undefined) await copiesOf(context, principal, { id: body.snapshot, plan });
        return accepted(startRun(context, { principal, runKey }, { verb: 'drill', plan, snapshot: body.snapshot ?? null }), plan);
      },
    }),
    route({
      ...act,
      path: '/api/v1/plans/:plan/expire',
      id: 'expire',
      summary: 'Remove what the retention rules no longer keep; needs a confirmation',
      body: expireRequest,
      idempotencyKey: 'required',
      act: 'expire',
      handle: async ({ params, body, principal, runKey }) => {
        const plan = planNamed(context, principal, params.plan).name;
        await requireConfirmed(context, { act: 'expire', target: { plan }, principal }, body.confirmation);
        return accepted(startRun(context, { principal, runKey }, { verb: 'expire', plan }), plan);
      },
    }),
  ];
}

/** So many replies an hour, or a minute, are made at most while nothing is written. */
function startOf(spanMs: number, clock: Clock): number {
  const nowMs = clock.now().getTime();
  return nowMs - (nowMs % spanMs);
}

/** A backup has a size and a duration, a drill has how long the restore took. */
function pointOf({ verb, startedAt, outcome, sizeBytes, durationMs, details }: RunFigures): Point {
  const point = { at: startedAt, outcome };
  if (verb === 'backup') return { ...point, sizeBytes, durationMs, rtoMs: null };
  return { ...point, sizeBytes: null, durationMs: null, rtoMs: wholeNumber(details['rtoMs']) };
}
