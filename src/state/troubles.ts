import type { Kysely, Selectable } from 'kysely';
import type { Outbox, Trouble } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { StateSchema, TroublesTable } from './schema.ts';
import { eventOf, eventText } from './stored-event.ts';

type Troubles = Pick<Outbox, 'trouble' | 'recordTrouble' | 'endTrouble' | 'openTroubles'>;

export function troubles(db: Kysely<StateSchema>): Troubles {
  return {
    async trouble(plan, subject) {
      const row = await db
        .selectFrom('troubles')
        .selectAll()
        .where('plan_key', '=', planKey(plan))
        .where('subject', '=', subject)
        .executeTakeFirst();
      return row === undefined ? undefined : troubleOf(row);
    },
    async recordTrouble({ plan, subject, since, count, toldAt, event }) {
      await db
        .replaceInto('troubles')
        .values({
          plan_key: planKey(plan),
          subject,
          since: stored(since),
          count,
          told_at: stored(toldAt),
          event: eventText(event),
        })
        .execute();
    },
    async endTrouble(plan, subject) {
      const row = await db
        .deleteFrom('troubles')
        .where('plan_key', '=', planKey(plan))
        .where('subject', '=', subject)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? undefined : troubleOf(row);
    },
    async openTroubles() {
      return (await db.selectFrom('troubles').selectAll().orderBy('since').orderBy('plan_key').execute()).map(troubleOf);
    },
  };
}

/** A key has no nulls: the service itself is the empty name. */
export function planKey(plan: string | null): string {
  return plan ?? '';
}

function troubleOf(row: Selectable<TroublesTable>): Trouble {
  return {
    plan: row.plan_key === '' ? null : row.plan_key,
    subject: row.subject,
    since: instant(row.since),
    count: row.count,
    toldAt: instant(row.told_at),
    event: eventOf(row.event),
  };
}
