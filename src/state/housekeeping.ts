import type { Kysely } from 'kysely';
import { stored } from './instants.ts';
import type { StateSchema } from './schema.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Removes what can no longer matter. The audit is kept. */
export async function removeOutdated(db: Kysely<StateSchema>, now: Date): Promise<void> {
  const before = (ms: number) => stored(new Date(now.getTime() - ms));
  await db.transaction().execute(async (within) => {
    await within.deleteFrom('sessions').where('expires_at', '<=', before(0)).execute();
    await within.deleteFrom('setup_link').where('expires_at', '<=', before(0)).execute();
    // An hour longer than they hold: who comes a little late is told that it has expired.
    await within.deleteFrom('confirmations').where('expires_at', '<=', before(hourMs)).execute();
    await within.deleteFrom('idempotency').where('at', '<=', before(dayMs)).execute();
    await within.deleteFrom('sign_in_failures').where('at', '<=', before(dayMs)).execute();
    await within
      .deleteFrom('deliveries')
      .where('settled_at', '<=', before(30 * dayMs))
      .execute();
  });
}
