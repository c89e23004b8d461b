import { createHash } from 'node:crypto';
import { HoldfastError } from '../domain/errors.ts';
import type { Principal } from '../domain/principal.ts';
import type { Clock } from '../ports/clock.ts';
import type { History } from '../ports/history.ts';
import type { IdempotentRequest, LiveRunRecords, RequestRecords } from '../ports/service-state.ts';
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

export interface KeyedAct {
  readonly principal: Principal;
  readonly key: string;
  /** Method and path: the same key for another act is a mistake. */
  readonly act: string;
  readonly body: unknown;
}

export interface IdempotencyWorld {
  readonly requests: RequestRecords;
  readonly liveRuns: LiveRunRecords;
  readonly history: Pick<History, 'run'>;
  readonly clock: Clock;
  readonly newRunKey: () => string;
}

/**
 * Handles an act at most once for a key: the same request again gets the first reply. What was refused or failed has changed
 * nothing, and sets the key free. So does an end of the service, but for an act whose run had begun: what that did stands.
 */
export class Idempotency {
  readonly #world: IdempotencyWorld;

  constructor(world: IdempotencyWorld) {
    this.#world = world;
  }

  /** `handle` is given the key of the run that it may start. */
  async once({ principal, key, act, body }: KeyedAct, handle: (runKey: string) => Promise<RouteReply>): Promise<RouteReply> {
    const { requests, clock, newRunKey } = this.#world;
    const actor = actorOf(principal);
    const bodyHash = createHash('sha256')
      .update(`${act}\n${canonicalJson(body)}`)
      .digest('hex');
    const request = { actor, key, bodyHash, run: newRunKey(), at: clock.now() };
    const before = await requests.beginIdempotent(request);
    if (before.kind === 'done') return replayed(before.body);
    if (before.kind === 'other-body') throw otherBody(key);
    if (before.kind === 'going-on') throw stillGoingOn(key);
    if (before.kind === 'interrupted') await this.#retake(request, before.run);
    try {
      const reply = await handle(request.run);
      await requests.endIdempotent(actor, key, reply.status < 500 ? { status: reply.status, body: kept(reply) } : null);
      return reply;
    } catch (error) {
      await requests.endIdempotent(actor, key, null);
      throw error;
    }
  }

  /** A run that outlived its service is on record there until its end is in the history. */
  async #retake(request: IdempotentRequest, run: string): Promise<void> {
    const { requests, liveRuns, history } = this.#world;
    if ((await liveRuns.all()).some((live) => live.key === run)) throw stillGoingOn(request.key);
    const known = await history.run(run);
    if (known !== undefined) throw known.end === null ? stillGoingOn(request.key) : interrupted(request.key, known.key, known.end.outcome);
    if (!(await requests.retakeIdempotent(request, run))) throw stillGoingOn(request.key);
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

function interrupted(key: string, run: string, outcome: string): HoldfastError {
  return new HoldfastError(
    'REQUEST_INTERRUPTED',
    `The service ended while it handled the request with the idempotency key "${key}"; its run ${run} ended as ${outcome}`,
    { hint: `See what it did: GET /api/v1/runs/${run}; to do it again, use a new key` },
  );
}

function otherBody(key: string): HoldfastError {
  return new HoldfastError('IDEMPOTENCY_MISMATCH', `The idempotency key "${key}" was used for another request`, {
    hint: 'Use a new key for each new request',
  });
}
