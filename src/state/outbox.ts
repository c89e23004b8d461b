import { randomUUID } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { Clock } from '../ports/clock.ts';
import type { ChannelState, Delivery, DeliveryResult, Outbox } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { DeliveriesTable, StateSchema } from './schema.ts';
import { eventOf, eventText } from './stored-event.ts';
import { planKey, troubles } from './troubles.ts';

const claimMs = 2 * 60_000;

export function outbox(db: Kysely<StateSchema>, clock: Clock): Outbox {
  return {
    ...troubles(db),
    async enqueue({ plan, channel, event, count, since, dueAt }) {
      await db.transaction().execute(async (within) => {
        await within
          .insertInto('channels')
          .values({ plan_key: planKey(plan), channel })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await within
          .insertInto('deliveries')
          .values({
            id: randomUUID(),
            plan,
            channel,
            event: eventText(event),
            count,
            since: stored(since),
            due_at: stored(dueAt),
            attempts: 0,
            state: 'due',
          })
          .execute();
      });
    },
    async claimDue(now, limit) {
      return db.transaction().execute(async (within) => {
        const rows = await within
          .selectFrom('deliveries')
          .selectAll()
          .where('state', '=', 'due')
          .where('due_at', '<=', stored(now))
          .where((eb) => eb.or([eb('claimed_until', 'is', null), eb('claimed_until', '<=', stored(now))]))
          .orderBy('due_at')
          .orderBy('number')
          .limit(limit)
          .execute();
        await within
          .updateTable('deliveries')
          .set({ claimed_until: stored(new Date(now.getTime() + claimMs)) })
          .where('number', 'in', [-1, ...rows.map(({ number }) => number)])
          .execute();
        return rows.map(deliveryOf);
      });
    },
    async settle(id, result) {
      await db.transaction().execute(async (within) => settle(within, { id, result, now: clock.now() }));
    },
    async recent(limit) {
      return (await db.selectFrom('deliveries').selectAll().orderBy('number', 'desc').limit(limit).execute()).map(deliveryOf);
    },
    async channels() {
      const rows = await db.selectFrom('channels').selectAll().orderBy('plan_key').orderBy('channel').execute();
      const waiting = await waitingByChannel(db);
      return rows.map((row): ChannelState => ({
        plan: row.plan_key === '' ? null : row.plan_key,
        channel: row.channel,
        lastDeliveredAt: instant(row.last_delivered_at),
        lastFailedAt: instant(row.last_failed_at),
        lastError: row.last_error,
        waiting: waiting.get(`${row.plan_key}\n${row.channel}`) ?? 0,
      }));
    },
  };
}

async function settle(
  db: Kysely<StateSchema>,
  { id, result, now }: { readonly id: string; readonly result: DeliveryResult; readonly now: Date },
): Promise<void> {
  const row = await db
    .updateTable('deliveries')
    .set((eb) => ({ ...settled(result), claimed_until: null, attempts: eb('attempts', '+', 1) }))
    .where('id', '=', id)
    .returning(['plan', 'channel'])
    .executeTakeFirst();
  if (row === undefined) return;
  await db
    .updateTable('channels')
    .set(
      result.kind === 'delivered'
        ? { last_delivered_at: stored(result.at), last_error: null }
        : { last_failed_at: stored(result.kind === 'again' ? now : result.at), last_error: result.error },
    )
    .where('plan_key', '=', planKey(row.plan))
    .where('channel', '=', row.channel)
    .execute();
}

function settled(result: DeliveryResult) {
  switch (result.kind) {
    case 'delivered':
      return { state: 'delivered', settled_at: stored(result.at), last_error: null };
    case 'again':
      return { due_at: stored(result.dueAt), last_error: result.error };
    case 'given-up':
      return { state: 'given-up', settled_at: stored(result.at), last_error: result.error };
  }
}

async function waitingByChannel(db: Kysely<StateSchema>): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .selectFrom('deliveries')
    .select((eb) => ['plan', 'channel', eb.fn.countAll<number>().as('count')])
    .where('state', '=', 'due')
    .groupBy(['plan', 'channel'])
    .execute();
  return new Map(rows.map(({ plan, channel, count }) => [`${planKey(plan)}\n${channel}`, count]));
}

function deliveryOf(row: Selectable<DeliveriesTable>): Delivery {
  return {
    id: row.id,
    plan: row.plan,
    channel: row.channel,
    event: eventOf(row.event),
    count: row.count,
    since: instant(row.since),
    dueAt: instant(row.due_at),
    attempts: row.attempts,
    state: row.state as Delivery['state'],
    lastError: row.last_error,
    settledAt: instant(row.settled_at),
  };
}
