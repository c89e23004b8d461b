import { z } from 'zod';
import { HoldfastError } from '../../domain/errors.ts';
import type { ApiContext } from '../api-context.ts';
import { page, planName, run, runDetail, runKey } from '../contract.ts';
import { pageQuery } from '../cursors.ts';
import { presentLive } from '../present.ts';
import { route, type AnyRoute } from '../route.ts';
import { runNamed, runsSeen } from '../runs-seen.ts';

const named = z.strictObject({ id: runKey });

const listQuery = z.strictObject({
  ...pageQuery,
  plan: planName.optional(),
  verb: run.shape.verb.optional(),
  outcome: run.shape.outcome.unwrap().optional(),
  since: z.iso.datetime().optional().describe('only those that began at this instant or later'),
});

export function runRoutes(context: ApiContext): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/runs',
      id: 'listRuns',
      group: 'runs',
      summary: 'List runs, newest first',
      needs: 'viewer',
      query: listQuery,
      replies: { 200: page('RunPage', run) },
      handle: async ({ query, principal }) => {
        const { since, plan, verb, outcome, limit, before } = query;
        const filter = {
          ...(plan === undefined ? {} : { plan }),
          ...(verb === undefined ? {} : { verb }),
          ...(outcome === undefined ? {} : { outcome }),
          ...(since === undefined ? {} : { since: new Date(since) }),
        };
        return { status: 200, body: await runsSeen(context, principal, { ...filter, limit, before }) };
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/runs/:id',
      id: 'getRun',
      group: 'runs',
      summary: 'Tell of one run, with what it logged while it went on',
      needs: 'viewer',
      params: named,
      replies: { 200: runDetail },
      handle: async ({ params, principal }) => {
        const { run: known, details } = await runNamed(context, principal, params.id);
        const log = context.queue.log(params.id).map(({ at, level, message }) => ({ at: at.toISOString(), level, message }));
        return { status: 200, body: { ...known, details, log } };
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/runs/:id/cancel',
      id: 'cancelRun',
      group: 'runs',
      summary: 'Ask a run to stop and to clean up',
      needs: 'operator',
      params: named,
      body: z.strictObject({}),
      idempotencyKey: 'accepted',
      replies: { 202: run },
      act: 'cancel',
      handle: async ({ params, principal }) => {
        const { run: known } = await runNamed(context, principal, params.id);
        if (!context.queue.cancel(params.id, principal?.name ?? 'somebody')) throw notOurs(params.id, known.state);
        const live = context.queue.find(params.id);
        return {
          status: 202,
          body: live === undefined ? known : presentLive(live),
          audited: { target: params.id, details: { verb: known.verb, plan: known.plan } },
        };
      },
    }),
  ];
}

function notOurs(key: string, state: string): HoldfastError {
  return state === 'ended'
    ? new HoldfastError('USAGE', `Cannot cancel run "${key}": it has ended`, { hint: `See how: GET /api/v1/runs/${key}` })
    : new HoldfastError('USAGE', `Cannot cancel run "${key}": a command runs it, not the service`, {
        hint: 'Stop that command, for example with Ctrl-C',
      });
}
