import { z } from 'zod';
import type { ChannelState, Delivery } from '../../ports/service-state.ts';
import type { ApiContext } from '../api-context.ts';
import { channelState, channelTests, delivery, page, planName, trouble } from '../contract.ts';
import { pageQuery } from '../cursors.ts';
import { presentTrouble } from '../present.ts';
import { route, type AnyRoute } from '../route.ts';
import { planNamed, sees } from '../sight.ts';

const named = z.strictObject({ plan: planName });
const reading = { method: 'GET', group: 'alerts', needs: 'viewer' } as const;

/** What needs somebody, by what ways people are told, and what became of each message. */
export function alertRoutes(context: ApiContext): readonly AnyRoute[] {
  return [...alertReadings(context), deliveriesRoute(context), testRoute(context)];
}

function alertReadings(context: ApiContext): readonly AnyRoute[] {
  const { state } = context;
  return [
    route({
      ...reading,
      path: '/api/v1/alerts',
      id: 'listAlerts',
      summary: 'What goes wrong now, the oldest first',
      replies: { 200: page('AlertPage', trouble) },
      handle: async ({ principal }) => {
        const open = (await state.outbox.openTroubles()).filter(({ plan }) => sees(principal, plan));
        return { status: 200, body: { items: open.map(presentTrouble), next: null } };
      },
    }),
    route({
      ...reading,
      path: '/api/v1/channels',
      id: 'listChannels',
      summary: 'Every channel that a plan names: what goes there, and whether it works',
      replies: { 200: page('ChannelPage', channelState) },
      handle: async ({ principal }) => {
        const states = await state.outbox.channels();
        const seen = context.channels().filter(({ plan }) => sees(principal, plan));
        return { status: 200, body: { items: seen.map((channel) => ({ ...channel, ...stateOf(channel, states) })), next: null } };
      },
    }),
  ];
}

function deliveriesRoute({ state }: ApiContext): AnyRoute {
  return route({
    ...reading,
    path: '/api/v1/deliveries',
    id: 'listDeliveries',
    summary: 'The newest messages, and what became of each',
    query: z.strictObject({ limit: pageQuery.limit }),
    replies: { 200: page('DeliveryPage', delivery) },
    handle: async ({ query, principal }) => {
      const recent = await state.outbox.recent(query.limit);
      const items = recent.filter(({ plan }) => sees(principal, plan)).map(presentDelivery);
      return { status: 200, body: { items, next: null } };
    },
  });
}

function testRoute(context: ApiContext): AnyRoute {
  return route({
    method: 'POST',
    path: '/api/v1/plans/:plan/notifications/test',
    id: 'testNotifications',
    group: 'alerts',
    summary: 'Send a test by every channel of a plan, and tell how each went',
    needs: 'operator',
    params: named,
    body: z.strictObject({}),
    planOf: ({ params }) => params.plan,
    idempotencyKey: 'accepted',
    replies: { 200: channelTests },
    act: 'notify-test',
    handle: async ({ params, principal }) => {
      const { name } = planNamed(context, principal, params.plan);
      const results = principal === null ? [] : await context.testChannels(name, principal);
      const failed = results.filter(({ error }) => error !== null).map(({ channel }) => channel);
      return { status: 200, body: { results }, audited: { target: name, details: { channels: results.length, failed } } };
    },
  });
}

interface Named {
  readonly plan: string;
  readonly name: string;
}

function stateOf({ plan, name }: Named, states: readonly ChannelState[]) {
  const found = states.find((state) => state.plan === plan && state.channel === name);
  return {
    lastDeliveredAt: found?.lastDeliveredAt?.toISOString() ?? null,
    lastFailedAt: found?.lastFailedAt?.toISOString() ?? null,
    lastError: found?.lastError ?? null,
    waiting: found?.waiting ?? 0,
  };
}

function presentDelivery({ id, plan, channel, event, count, dueAt, attempts, state, lastError, settledAt }: Delivery) {
  const told = { kind: event.kind, severity: event.severity, title: event.title, at: event.at.toISOString() };
  const at = { dueAt: dueAt.toISOString(), settledAt: settledAt?.toISOString() ?? null };
  return { id, plan, channel, event: told, count, attempts, state, lastError, ...at };
}
