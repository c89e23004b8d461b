import { createHash, randomBytes } from 'node:crypto';
import { HoldfastError } from '../domain/errors.ts';
import type { Principal } from '../domain/principal.ts';
import type { ApiContext } from './api-context.ts';
import type { Confirmation } from './contract.ts';
import { actorOf, canonicalJson } from './idempotency.ts';

/*
 * Nothing is restored or deleted by one call: the first names the act and is told what it would change, the second repeats
 * it with the token that the first was given. The token fits that act on that target alone, once, for ten minutes, and for
 * whoever asked for it.
 */

const validMs = 10 * 60_000;

type World = Pick<ApiContext, 'state' | 'world'>;

export interface ConfirmedAct {
  readonly act: 'restore' | 'delete' | 'expire';
  /** What it is done to, defaults filled in. */
  readonly target: object;
  readonly principal: Principal | null;
}

export async function confirmationFor({ state, world }: World, act: ConfirmedAct, changes: Confirmation['changes']): Promise<Confirmation> {
  const confirmation = `hfc_${randomBytes(32).toString('base64url')}`;
  const expiresAt = new Date(world.clock.now().getTime() + validMs);
  await state.requests.createConfirmation({ ...recordOf(act), tokenHash: sha256(confirmation), expiresAt });
  return { confirmation, expiresAt: expiresAt.toISOString(), changes };
}

/** Consumes the confirmation. Throws `CONFIRMATION_REJECTED` unless it was given for just this. */
export async function requireConfirmed({ state, world }: World, act: ConfirmedAct, confirmation: string): Promise<void> {
  const taken = await state.requests.takeConfirmation({
    ...recordOf(act),
    tokenHash: sha256(confirmation),
    now: world.clock.now(),
  });
  if (taken === 'fits') return;
  const why = { unknown: 'it is not known, or was used before', expired: 'it has expired', other: 'it was given for something else' }[
    taken
  ];
  throw new HoldfastError('CONFIRMATION_REJECTED', `Cannot take this confirmation of the ${act.act}: ${why}`, {
    hint: 'Ask for a new one: POST /api/v1/confirmations, look at the changes, and repeat the act with it',
  });
}

function recordOf({ act, target, principal }: ConfirmedAct) {
  if (principal === null) throw new Error('nobody confirms');
  return { actor: actorOf(principal), act, bodyHash: sha256(canonicalJson(target)) };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
