import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError } from '../domain/errors.ts';
import type { Principal } from '../domain/principal.ts';
import type { SeenFrom } from './forwarded.ts';
import { securityHeaders } from './security-headers.ts';
import type { AnyRoute, RouteReply } from './route.ts';

/** One request and what is known of it, step by step. */
export interface Exchange {
  readonly id: string;
  readonly seen: SeenFrom;
  /** As it was asked for, without the query. */
  readonly path: string;
  readonly startedMs: number;
  /** Fires when the client goes away, or the service ends while a stream is open. */
  readonly gone: AbortController;
  principal: Principal | null;
  /** True while bytes flow that have no end of their own, or a late one. */
  isStreaming: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange | null;
  }
  interface FastifyContextConfig {
    readonly route?: AnyRoute;
  }
}

/** Who sent it. Throws `UNAUTHENTICATED` for a bad credential, and what else refuses it; null for none. */
export type Authenticate = (request: {
  readonly method: string;
  readonly header: (name: string) => string | undefined;
  readonly origin: string;
  readonly base: string;
}) => Promise<Principal | null>;

/** Those that go on. */
export type OpenExchanges = Set<Exchange>;

/** Begins an exchange: from here on every reply carries its id and the headers that protect it. */
export function beginExchange(
  request: FastifyRequest,
  reply: FastifyReply,
  known: { readonly seen: SeenFrom; readonly frameAncestors: readonly string[]; readonly startedMs: number; readonly open: OpenExchanges },
): void {
  const { seen, frameAncestors, startedMs, open } = known;
  const path = request.originalUrl.split('?', 1)[0] ?? '/';
  const gone = new AbortController();
  const exchange: Exchange = { id: randomUUID(), seen, path, startedMs, gone, principal: null, isStreaming: false };
  request.exchange = exchange;
  open.add(exchange);
  reply.raw.once('close', () => {
    open.delete(exchange);
    if (!reply.raw.writableFinished) gone.abort();
  });
  reply.headers({ ...securityHeaders({ frameAncestors, https: seen.https }), 'x-request-id': exchange.id });
}

export function exchangeOf(request: FastifyRequest): Exchange {
  if (request.exchange === null) throw new Error('a request that did not begin');
  return request.exchange;
}

/** A header that came once or several times, as one text. */
export function headerOf(request: FastifyRequest): (name: string) => string | undefined {
  return (name) => {
    const value = request.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  };
}

/**
 * Throws `FORBIDDEN` for an act that a page of another origin had a browser send. Requests with an `Authorization` header and
 * those of programs are none: no page can make a browser send either.
 *
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function refuseForeignPage(request: FastifyRequest, origin: string): void {
  if (request.method === 'GET' || request.method === 'HEAD' || request.headers.authorization !== undefined) return;
  const site = request.headers['sec-fetch-site'];
  const isForeign = site === undefined ? (request.headers.origin ?? origin) !== origin : site !== 'same-origin' && site !== 'none';
  if (!isForeign) return;
  throw new HoldfastError('FORBIDDEN', 'Cannot take an act that another site asks for', {
    hint: 'Do it on the dashboard itself, or with an API token; behind a reverse proxy set service.publicUrl to the address people type',
  });
}

/** Sends what a route answered: JSON for an object, bytes and text as they are, a stream as it comes. */
export function send(reply: FastifyReply, { status, body, stream, headers }: RouteReply): FastifyReply {
  reply.code(status).headers({ 'cache-control': 'no-store', ...headers });
  if (stream !== undefined) {
    if (reply.request.method === 'HEAD') {
      stream.destroy();
      return reply.send();
    }
    exchangeOf(reply.request).isStreaming = true;
    return reply.send(stream);
  }
  if (body === undefined || body === null) return reply.send();
  if (typeof body === 'string' || body instanceof Uint8Array) return reply.send(body);
  if (!reply.hasHeader('content-type')) reply.header('content-type', 'application/json; charset=utf-8');
  return reply.send(JSON.stringify(body));
}
