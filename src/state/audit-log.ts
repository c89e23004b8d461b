import type { Kysely, Selectable } from 'kysely';
import type { AuditEntry, AuditLog } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { AuditTable, StateSchema } from './schema.ts';

export function auditLog(db: Kysely<StateSchema>): AuditLog {
  return {
    async append({ at, actor, actorKind, address, act, target, result, details }) {
      await db
        .insertInto('audit')
        .values({
          at: stored(at),
          actor,
          actor_kind: actorKind,
          address,
          act,
          target,
          result,
          details: JSON.stringify(details),
        })
        .execute();
    },
    async entries({ limit, before, actor, act }) {
      let query = db.selectFrom('audit').selectAll().orderBy('number', 'desc').limit(limit);
      if (before !== undefined) query = query.where('number', '<', Number(before));
      if (actor !== undefined) query = query.where('actor', '=', actor);
      if (act !== undefined) query = query.where('act', '=', act);
      return (await query.execute()).map(entryOf);
    },
  };
}

function entryOf(row: Selectable<AuditTable>): AuditEntry {
  return {
    id: String(row.number),
    at: instant(row.at),
    actor: row.actor,
    actorKind: row.actor_kind as AuditEntry['actorKind'],
    address: row.address,
    act: row.act,
    target: row.target,
    result: row.result as AuditEntry['result'],
    details: JSON.parse(row.details) as AuditEntry['details'],
  };
}
