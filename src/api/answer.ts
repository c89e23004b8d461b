import type { FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import { mayAct } from '../domain/principal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { ServiceState } from '../ports/service-state.ts';
import { type Authenticate, type Exchange, exchangeOf, headerOf, refuseForeignPage, send } from './exchange.ts';
import { type Idempotency, idempotencyKeyOf } from './idempotency.ts';
import { asHoldfastError, problemMediaType, problemOf } from './problems.ts';
import { type InputSchemas, inputSchemasOf, parsePart } from './request-input.ts';
import type { AnyRoute, Route, RouteInput, RouteReply } from './route.ts';

export interface AnswerOptions {
  readonly authenticate: Authenticate;
  readonly state: ServiceState;
  readonly log: Log;
  readonly clock: Clock;
  readonly idempotency: Idempotency;
  readonly newRunKey: () => string;
}

/** Before the body is read: who it is, whether the role suffices, and whether a page of ours asked. */
export async function admit(route: AnyRoute, request: FastifyRequest, { authenticate }: AnswerOptions): Promise<void> {
  const exchange = exchangeOf(request);
  refuseForeignPage(request, exchange.seen.origin);
  if (route.needs !== 'public') {
    const { origin, base } = exchange.seen;
    exchange.principal = await authenticate({ method: request.method, header: headerOf(request), origin, base });
    if (exchange.principal === null) throw unauthenticated();
    if (!mayAct(exchange.principal, route.needs, null)) throw forbidden(route);
  }
  idempotencyKeyOf(route, headerOf(request)('idempotency-key'));
}

/** Reads the input by the route's schemas, has the route handle it, writes the act down, and sends the reply. */
export function answerWith(route: AnyRoute, options: AnswerOptions) {
  const schemas = inputSchemasOf(route);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const exchange = exchangeOf(request);
    const input = readInput(request, { route, schemas });
    refuseOtherPlans(route, input);
    const answered = await handle(route, input, options);
    if (route.act !== undefined) await audit(route.act, exchange, { result: 'done', ...answered.audited }, options);
    return send(reply, answered);
  };
}

/** What failed or was refused, as problem details; acts are written down too. */
export async function answerProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply, options: AnswerOptions) {
  const exchange = exchangeOf(request);
  const error = isLeaving(thrown, exchange) ? nobodyWaits(thrown) : asHoldfastError(thrown);
  const problem = problemOf(error, { path: exchange.path, base: exchange.seen.base });
  logProblem(error, problem, exchange, { method: request.method, log: options.log });
  const { route } = request.routeOptions.config;
  if (route?.act !== undefined && isWorthAuditing(route, exchange, problem.status)) {
    const result = problem.status < 500 ? 'refused' : 'failed';
    await audit(route.act, exchange, { result, target: exchange.path, details: { code: problem.code } }, options);
  }
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="holdfast"');
  if (isHoldfastError(error, 'RANGE_INVALID')) reply.header('content-range', `bytes */${String(error.details['sizeBytes'])}`);
  if (isHoldfastError(error) && error.retry.kind === 'after')
    reply.header('retry-after', String(Math.max(1, Math.ceil(error.retry.delayMs / 1000))));
  return reply
    .code(problem.status)
    .header('content-type', problemMediaType)
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problem));
}

/** A client that leaves ends the reading that was done for it: no fault of anybody's. */
function isLeaving(thrown: unknown, { gone }: Exchange): boolean {
  return gone.signal.aborted && thrown instanceof Error && thrown.name === 'AbortError';
}

function nobodyWaits(cause: unknown): HoldfastError {
  return new HoldfastError('CANCELLED', 'Nobody waits for this reply any more', { hint: 'Ask again', cause });
}

type AnyInput = Omit<RouteInput<unknown, unknown, unknown>, 'runKey'>;

function readInput(request: FastifyRequest, { route, schemas }: { route: AnyRoute; schemas: InputSchemas }): AnyInput {
  const { principal, seen, gone } = exchangeOf(request);
  const header = headerOf(request);
  return {
    params: parsePart(schemas, 'params', request.params),
    query: parsePart(schemas, 'query', request.query),
    body: parsePart(schemas, 'body', request.body),
    principal,
    address: seen.address,
    origin: seen.origin,
    base: seen.base,
    idempotencyKey: idempotencyKeyOf(route, header('idempotency-key')),
    header,
    signal: endsWithItsClient(route) ? gone.signal : new AbortController().signal,
  };
}

/** What only reads is done for whoever waits for it, also when it is written down who read. */
function endsWithItsClient({ method, act }: AnyRoute): boolean {
  return method === 'GET' || act === undefined;
}

/** Plans that a token is not bound to do not exist for it. */
function refuseOtherPlans(route: AnyRoute, { principal, params, body }: AnyInput): void {
  if (principal === null || route.needs === 'public' || route.planOf === undefined) return;
  const plan = (route as unknown as Route).planOf?.({ params, body }) ?? null;
  if (mayAct(principal, route.needs, plan)) return;
  throw new HoldfastError('PLAN_UNKNOWN', `There is no plan ${JSON.stringify(plan)}`, { hint: 'See which there are: GET /api/v1/plans' });
}

function handle(route: AnyRoute, input: AnyInput, { idempotency, newRunKey }: AnswerOptions): Promise<RouteReply> {
  const { principal, idempotencyKey, params, body } = input;
  const handled = (runKey: string) => (route as unknown as Route).handle({ ...input, runKey });
  if (principal === null || idempotencyKey === null) return handled(newRunKey());
  return idempotency.once({ principal, key: idempotencyKey, act: `${route.method} ${route.path}`, body: { params, body } }, handled);
}

/** Strangers at a door that is shut, and those who knock too often, are told in the log alone: they must not fill the audit. */
function isWorthAuditing(route: AnyRoute, { principal }: Exchange, status: number): boolean {
  return status !== 429 && (principal !== null || route.needs === 'public');
}

interface Audited {
  readonly result: 'done' | 'refused' | 'failed';
  readonly target?: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An act that was done stays done when it cannot be written down: that is told in the log, with what was not written. */
async function audit(act: string, { principal, seen }: Exchange, audited: Audited, { state, clock, log }: AnswerOptions): Promise<void> {
  const entry = {
    at: clock.now(),
    actor: principal?.name ?? 'anonymous',
    actorKind: principal?.kind ?? ('anonymous' as const),
    address: seen.address,
    act,
    target: audited.target ?? null,
    result: audited.result,
    details: audited.details ?? {},
  };
  try {
    await state.audit.append(entry);
  } catch (error) {
    log.error('Cannot write to the audit log', { component: 'Api', entry, error });
  }
}

function logProblem(
  error: unknown,
  { status, code, detail }: { readonly status: number; readonly code: string; readonly detail: string },
  { id, principal, seen, path }: Exchange,
  { method, log }: { readonly method: string; readonly log: Log },
): void {
  const user = principal?.name ?? 'anonymous';
  const fields = { component: 'Api', user, address: seen.address, method, path: path.slice(0, 500), status, code, requestId: id };
  if (status >= 500) log.error(`A request failed: ${detail}`, { ...fields, error });
  else if ([401, 403, 413, 429].includes(status)) log.warn(`A request was refused: ${detail}`, fields);
  else log.debug(`A request was refused: ${detail}`, fields);
}

function unauthenticated(): HoldfastError {
  return new HoldfastError('UNAUTHENTICATED', 'Nobody is signed in', {
    hint: 'Sign in on the dashboard, or send Authorization: Bearer TOKEN with a token of: holdfast token create --role viewer',
  });
}

function forbidden({ needs }: AnyRoute): HoldfastError {
  return new HoldfastError('FORBIDDEN', `Only the role ${needs}${needs === 'administrator' ? '' : ' or a higher one'} may do this`, {
    hint: 'Ask an administrator to do it, or to change your role',
  });
}
