import { randomUUID } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { Role } from '../domain/principal.ts';
import type { Accounts, ApiToken } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { ApiTokensTable, StateSchema } from './schema.ts';

type Tokens = Pick<Accounts, 'createToken' | 'token' | 'tokens' | 'touchToken' | 'revokeToken'>;

export function apiTokens(db: Kysely<StateSchema>): Tokens {
  return {
    async createToken(token) {
      const row = await db
        .insertInto('api_tokens')
        .values({
          id: randomUUID(),
          token_hash: token.tokenHash,
          name: token.name,
          role: token.role,
          plans: token.plans === null ? null : JSON.stringify(token.plans),
          created_at: stored(token.createdAt),
          created_by: token.createdBy,
          expires_at: stored(token.expiresAt),
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return tokenOf(row);
    },
    async token(tokenHash, now) {
      const row = await db
        .selectFrom('api_tokens')
        .selectAll()
        .where('token_hash', '=', tokenHash)
        .where('revoked_at', 'is', null)
        .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', stored(now))]))
        .executeTakeFirst();
      return row === undefined ? undefined : tokenOf(row);
    },
    async tokens() {
      return (await db.selectFrom('api_tokens').selectAll().orderBy('created_at').orderBy('id').execute()).map(tokenOf);
    },
    async touchToken(id, usedAt) {
      await db
        .updateTable('api_tokens')
        .set({ used_at: stored(usedAt) })
        .where('id', '=', id)
        .execute();
    },
    async revokeToken(id, at) {
      const { numUpdatedRows } = await db
        .updateTable('api_tokens')
        .set({ revoked_at: stored(at) })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
  };
}

function tokenOf(row: Selectable<ApiTokensTable>): ApiToken {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    plans: row.plans === null ? null : (JSON.parse(row.plans) as readonly string[]),
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
    expiresAt: instant(row.expires_at),
    usedAt: instant(row.used_at),
    revokedAt: instant(row.revoked_at),
  };
}
