import type { Principal } from '../../domain/principal.ts';
import type { ApiContext } from '../api-context.ts';
import { status, type Status } from '../contract.ts';
import { route, type AnyRoute } from '../route.ts';
import { boundTo, sees } from '../sight.ts';
import { sentenceOf, worstHealth } from '../status-sentence.ts';

export function statusRoutes(context: ApiContext): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/status',
      id: 'getStatus',
      group: 'status',
      summary: 'Tell whether the data is safe, since when that is proven, and what needs somebody',
      needs: 'viewer',
      replies: { 200: status },
      handle: async ({ principal }) => ({ status: 200, body: statusFor(context, principal) }),
    }),
  ];
}

/** The status without the plans that a token is not bound to. */
export function statusFor(context: ApiContext, principal: Principal | null, whole: Status = context.board.status()): Status {
  if (boundTo(principal) === null) return whole;
  const plans = whole.plans.filter(({ name }) => sees(principal, name));
  return {
    ...whole,
    plans,
    alerts: whole.alerts.filter(({ plan }) => sees(principal, plan)),
    health: worstHealth(plans),
    sentence: sentenceOf(plans, whole.history, context.world.clock.now()),
  };
}
