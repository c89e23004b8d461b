import type { Kysely } from 'kysely';
import type { Accounts } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { StateSchema } from './schema.ts';
import { shownUser, usersIn } from './users.ts';

type Sessions = Pick<Accounts, 'createSession' | 'session' | 'touchSession' | 'endSession' | 'endSessionsOf'>;

export function sessions(db: Kysely<StateSchema>): Sessions {
  return {
    async createSession(session) {
      await db
        .insertInto('sessions')
        .values({
          token_hash: session.tokenHash,
          user_id: session.userId,
          created_at: stored(session.createdAt),
          expires_at: stored(session.expiresAt),
          seen_at: stored(session.createdAt),
          address: session.address,
          agent: session.agent,
        })
        .execute();
    },
    async session(tokenHash, now) {
      const row = await db
        .selectFrom('sessions')
        .selectAll()
        .where('token_hash', '=', tokenHash)
        .where('expires_at', '>', stored(now))
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const user = await usersIn(db).where('id', '=', row.user_id).where('disabled_at', 'is', null).executeTakeFirst();
      if (user === undefined) return undefined;
      return {
        tokenHash: row.token_hash,
        userId: row.user_id,
        createdAt: instant(row.created_at),
        expiresAt: instant(row.expires_at),
        seenAt: instant(row.seen_at),
        address: row.address,
        agent: row.agent,
        user: shownUser(user),
      };
    },
    async touchSession(tokenHash, seenAt) {
      await db
        .updateTable('sessions')
        .set({ seen_at: stored(seenAt) })
        .where('token_hash', '=', tokenHash)
        .execute();
    },
    async endSession(tokenHash) {
      await db.deleteFrom('sessions').where('token_hash', '=', tokenHash).execute();
    },
    async endSessionsOf(userId) {
      await db.deleteFrom('sessions').where('user_id', '=', userId).execute();
    },
  };
}
