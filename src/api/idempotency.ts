import { createHash } from 'node:crypto';
import { HoldfastError } from '../domain/errors.ts';
import type { Principal } from '../domain/principal.ts';
import type { Clock } from '../ports/clock.ts';
import type { RequestRecords } from '../ports/service-state.ts';
import { invalidRequest } from './problems.ts';
import type { AnyRoute, RouteReply } from './route.ts';

const keyPattern = /^[\x21-\x7e]{1,128}$/u;

/**
 * The `Idempotency-Key` of a request; null for none. A key that the route does not take is refused rather than passed over:
 * its sender relies on it.
 */
export function idempotencyKeyOf(route: AnyRoute, header: string | undefined): string | null {
  if (route.method === 'GET') return null;
  const problem = keyProblem(route, header);
  if (problem !== null) throw invalidRequest([{ pointer: '/headers/idempotency-key', detail: problem }]);
  return header ?? null;
}

function keyProblem(route: AnyRoute, header: string | undefined): string | null {
  if (header === undefined) return route.idempotencyKey === 'required' ? 'is required here' : null;
  if (route.idempotencyKey === undefined) return 'is not taken here';
  return keyPattern.test(header) ? null : 'is not 1 to 128 visible ASCII characters';
}

export interface IdempotentRequest {
  readonly principal: Principal;
  readonly key: string;
  /** Method and path: the same key for another act is a mistake. */
  readonly act: string;
  readonly body: unknown;
}

/**
 * Handles a request at most once for a key: the same request again gets the first reply. What was refused or failed has changed
 * nothing, and sets the key free.
 */
export async function once(
  request: IdempotentRequest,
  { records, clock }: { readonly records: RequestRecords; readonly clock: Clock },
  handle: () => Promise<RouteReply>,
): Promise<RouteReply> {
  const actor = actorOf(request.principal);
  const bodyHash = createHash('sha256')
    .update(`${request.act}\n${canonicalJson(request.body)}`)
    .digest('hex');
  const before = await records.beginIdempotent({ actor, key: request.key, bodyHash, at: clock.now() });
  if (before.kind === 'done') return replayed(before.body);
  if (before.kind === 'going-on') throw stillGoingOn(request.key);
  if (before.kind === 'other-body') throw otherBody(request.key);
  try {
    const reply = await handle();
    await records.endIdempotent(actor, request.key, reply.status < 500 ? { status: reply.status, body: kept(reply) } : null);
    return reply;
  } catch (error) {
    await records.endIdempotent(actor, request.key, null);
    throw error;
  }
}

/** Who a record belongs to; a user and a token of the same name are two. */
export function actorOf(principal: Principal): string {
  return principal.kind === 'system' ? principal.name : `${principal.kind}:${principal.id}`;
}

/** The same text for the same value, whatever the order of its keys. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, item: unknown) => {
      if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
      return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? 'null'
  );
}

function kept({ status, headers, body }: RouteReply): string {
  return JSON.stringify({ status, headers, body });
}

function replayed(text: string): RouteReply {
  const reply = JSON.parse(text) as RouteReply;
  return { ...reply, headers: { ...reply.headers, 'idempotency-replayed': 'true' } };
}

function stillGoingOn(key: string): HoldfastError {
  return new HoldfastError('LOCK_HELD', `The request with the idempotency key "${key}" is still being handled`, {
    hint: 'Wait for it, then send the same request again',
    retry: { kind: 'after', delayMs: 1000 },
  });
}

function otherBody(key: string): HoldfastError {
  return new HoldfastError('IDEMPOTENCY_MISMATCH', `The idempotency key "${key}" was used for another request`, {
    hint: 'Use a new key for each new request',
  });
}
