import type { Kysely, Selectable } from 'kysely';
import type { Accounts, Passkey } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { PasskeysTable, StateSchema } from './schema.ts';

type Passkeys = Pick<Accounts, 'addPasskey' | 'passkeysOf' | 'passkey' | 'usedPasskey' | 'removePasskey' | 'removePasskeysOf'>;

export function passkeys(db: Kysely<StateSchema>): Passkeys {
  const all = () => db.selectFrom('passkeys').selectAll();
  return {
    async addPasskey(passkey) {
      await db
        .insertInto('passkeys')
        .values({
          credential_id: passkey.credentialId,
          user_id: passkey.userId,
          label: passkey.label,
          public_key: passkey.publicKey,
          counter: passkey.counter,
          transports: JSON.stringify(passkey.transports),
          created_at: stored(passkey.createdAt),
          used_at: stored(passkey.usedAt),
        })
        .execute();
    },
    async passkeysOf(userId) {
      return (await all().where('user_id', '=', userId).orderBy('created_at').execute()).map(passkeyOf);
    },
    async passkey(credentialId) {
      const row = await all().where('credential_id', '=', credentialId).executeTakeFirst();
      return row === undefined ? undefined : passkeyOf(row);
    },
    async usedPasskey(credentialId, counter, at) {
      await db
        .updateTable('passkeys')
        .set({ counter, used_at: stored(at) })
        .where('credential_id', '=', credentialId)
        .execute();
    },
    async removePasskey(userId, credentialId) {
      const { numDeletedRows } = await db
        .deleteFrom('passkeys')
        .where('user_id', '=', userId)
        .where('credential_id', '=', credentialId)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },
    async removePasskeysOf(userId) {
      await db.deleteFrom('passkeys').where('user_id', '=', userId).execute();
    },
  };
}

function passkeyOf(row: Selectable<PasskeysTable>): Passkey {
  return {
    credentialId: row.credential_id,
    userId: row.user_id,
    label: row.label,
    publicKey: new Uint8Array(row.public_key),
    counter: row.counter,
    transports: JSON.parse(row.transports) as readonly string[],
    createdAt: instant(row.created_at),
    usedAt: instant(row.used_at),
  };
}
