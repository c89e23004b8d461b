import type { Kysely } from 'kysely';
import type { Accounts } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { StateSchema } from './schema.ts';

type SignIns = Pick<Accounts, 'setSetupLink' | 'takeSetupLink' | 'recordFailure' | 'failures' | 'clearFailures'>;

export function signIns(db: Kysely<StateSchema>): SignIns {
  return {
    async setSetupLink(link) {
      if (link === null) await db.deleteFrom('setup_link').execute();
      else
        await db
          .replaceInto('setup_link')
          .values({ id: 1, token_hash: link.tokenHash, expires_at: stored(link.expiresAt) })
          .execute();
    },
    async takeSetupLink(tokenHash, now) {
      const { numDeletedRows } = await db
        .deleteFrom('setup_link')
        .where('token_hash', '=', tokenHash)
        .where('expires_at', '>', stored(now))
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },
    async recordFailure(subject, at) {
      await db
        .insertInto('sign_in_failures')
        .values({ subject, at: stored(at) })
        .execute();
    },
    async failures(subject, since) {
      const rows = await db
        .selectFrom('sign_in_failures')
        .select('at')
        .where('subject', '=', subject)
        .where('at', '>=', stored(since))
        .orderBy('number')
        .execute();
      return rows.map(({ at }) => instant(at));
    },
    async clearFailures(subject) {
      await db.deleteFrom('sign_in_failures').where('subject', '=', subject).execute();
    },
  };
}
