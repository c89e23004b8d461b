import type { Kysely } from 'kysely';
import type { RequestRecords } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { StateSchema } from './schema.ts';

const keptMs = 24 * 3_600_000;

export function requestRecords(db: Kysely<StateSchema>): RequestRecords {
  return {
    async beginIdempotent({ actor, key, bodyHash, run, at }) {
      return db.transaction().execute(async (within) => {
        const before = await within
          .selectFrom('idempotency')
          .selectAll()
          .where('actor', '=', actor)
          .where('key', '=', key)
          .where('at', '>', stored(new Date(at.getTime() - keptMs)))
          .executeTakeFirst();
        if (before === undefined) {
          await within
            .replaceInto('idempotency')
            .values({ actor, key, body_hash: bodyHash, at: stored(at), status: null, body: null, run, interrupted: 0 })
            .execute();
          return { kind: 'new' };
        }
        if (before.body_hash !== bodyHash) return { kind: 'other-body' };
        if (before.status !== null) return { kind: 'done', status: before.status, body: before.body ?? '' };
        return before.interrupted === 0 ? { kind: 'going-on' } : { kind: 'interrupted', run: before.run };
      });
    },
    async interruptIdempotent() {
      await db.updateTable('idempotency').set({ interrupted: 1 }).where('status', 'is', null).execute();
    },
    async retakeIdempotent({ actor, key, run, at }, interruptedRun) {
      const { numUpdatedRows } = await db
        .updateTable('idempotency')
        .set({ run, at: stored(at), interrupted: 0 })
        .where('actor', '=', actor)
        .where('key', '=', key)
        .where('interrupted', '=', 1)
        .where('run', '=', interruptedRun)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    async endIdempotent(actor, key, reply) {
      if (reply === null) await db.deleteFrom('idempotency').where('actor', '=', actor).where('key', '=', key).execute();
      else await db.updateTable('idempotency').set(reply).where('actor', '=', actor).where('key', '=', key).execute();
    },
    async createConfirmation({ tokenHash, actor, act, bodyHash, expiresAt }) {
      await db
        .insertInto('confirmations')
        .values({ token_hash: tokenHash, actor, act, body_hash: bodyHash, expires_at: stored(expiresAt) })
        .execute();
    },
    async takeConfirmation({ tokenHash, actor, act, bodyHash, now }) {
      const found = await db.deleteFrom('confirmations').where('token_hash', '=', tokenHash).returningAll().executeTakeFirst();
      if (found === undefined) return 'unknown';
      if (instant(found.expires_at) <= now) return 'expired';
      return found.actor === actor && found.act === act && found.body_hash === bodyHash ? 'fits' : 'other';
    },
  };
}
