import { z } from 'zod';
import { HoldfastError } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import type { ApiContext } from '../api-context.ts';
import { page, storeState, type StoreState } from '../contract.ts';
import { route, type AnyRoute } from '../route.ts';
import { boundTo, sees } from '../sight.ts';

export function storeRoutes(context: ApiContext): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/stores',
      id: 'listStores',
      group: 'stores',
      summary: 'Every store: whether it can be reached, what it holds, and what space is left',
      needs: 'viewer',
      replies: { 200: page('StorePage', storeState) },
      handle: async ({ principal }) => ({ status: 200, body: { items: storesFor(context, principal), next: null } }),
    }),
    route({
      method: 'POST',
      path: '/api/v1/stores/:name/probe',
      id: 'probeStore',
      group: 'stores',
      summary: 'Write a small object to a store, read it back and remove it',
      needs: 'operator',
      params: z.strictObject({ name: z.string().min(1).max(256) }),
      body: z.strictObject({}),
      idempotencyKey: 'accepted',
      replies: { 200: storeState },
      act: 'probe',
      handle: async ({ params, principal }) => {
        if (!storesFor(context, principal).some(({ name }) => name === params.name)) throw unknownStore(params.name);
        const state = await context.board.probe(params.name);
        return {
          status: 200,
          body: withPlansSeen(state, principal),
          audited: { target: params.name, details: { reachable: state.reachable } },
        };
      },
    }),
  ];
}

/** A store that two plans share is shown to a token of one of them, without the other's name. */
function storesFor({ board }: ApiContext, principal: Principal | null): StoreState[] {
  const states = board.stores().map((state) => withPlansSeen(state, principal));
  return boundTo(principal) === null ? states : states.filter(({ plans }) => plans.length > 0);
}

function withPlansSeen(state: StoreState, principal: Principal | null): StoreState {
  return { ...state, plans: state.plans.filter((plan) => sees(principal, plan)) };
}

function unknownStore(name: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no store ${JSON.stringify(name)}`, { hint: 'See which there are: GET /api/v1/stores' });
}
