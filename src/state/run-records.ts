import type { Kysely } from 'kysely';
import type { ScheduledVerb } from '../domain/due.ts';
import type { LiveRunRecords, ScheduleRecords } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { StateSchema } from './schema.ts';

export function scheduleRecords(db: Kysely<StateSchema>): ScheduleRecords {
  return {
    async record(plan, verb) {
      const row = await db.selectFrom('schedule_records').selectAll().where('plan', '=', plan).where('verb', '=', verb).executeTakeFirst();
      if (row === undefined) return undefined;
      return {
        plan: row.plan,
        verb: row.verb as ScheduledVerb,
        signature: row.signature,
        consideredUntil: instant(row.considered_until),
      };
    },
    async settle({ plan, verb, signature, consideredUntil }) {
      await db
        .replaceInto('schedule_records')
        .values({ plan, verb, signature, considered_until: stored(consideredUntil) })
        .execute();
    },
  };
}

export function liveRunRecords(db: Kysely<StateSchema>): LiveRunRecords {
  return {
    async add({ key, pid, processStart, verb, plan, startedAt }) {
      await db
        .replaceInto('live_runs')
        .values({ key, pid, process_start: processStart, verb, plan, started_at: stored(startedAt) })
        .execute();
    },
    async remove(key) {
      await db.deleteFrom('live_runs').where('key', '=', key).execute();
    },
    async all() {
      const rows = await db.selectFrom('live_runs').selectAll().orderBy('started_at').orderBy('key').execute();
      return rows.map(({ process_start, started_at, ...row }) => ({
        ...row,
        processStart: process_start,
        startedAt: instant(started_at),
      }));
    },
  };
}
