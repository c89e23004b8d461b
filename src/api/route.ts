import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Principal, Role } from '../domain/principal.ts';

export interface RouteShape<Params, Query, Body> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Fastify's notation: `/api/v1/plans/:plan`. OpenAPI's `{plan}` is derived. */
  readonly path: string;
  /** Unique, for OpenAPI: `startBackup`. */
  readonly id: string;
  readonly group: 'backups' | 'status' | 'plans' | 'runs' | 'snapshots' | 'stores' | 'restore' | 'alerts' | 'access' | 'system';
  readonly summary: string;
  /** `public`: everybody. A role: that one or more. */
  readonly needs: 'public' | Role;
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  /** The plan that is acted on, so that a token bound to plans can be refused before the handler runs. */
  planOf?(input: { readonly params: Params; readonly body: Body }): string | null;
  /** `required` for restore and delete on the versioned API; `accepted` for every other act. */
  readonly idempotencyKey?: 'required' | 'accepted';
  /** Success replies by status; null for no body, a media type for what is not JSON. */
  readonly replies: Readonly<Record<number, z.ZodType | string | null>>;
  /** Goes into the audit: `restore`, `delete`, `token-create`, and of what only reads `download`. */
  readonly act?: string;
}

export interface RouteInput<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly principal: Principal | null;
  /** Of the person, not of a trusted proxy. */
  readonly address: string;
  /** What people type, without a path: `https://backup.example.org`. */
  readonly origin: string;
  /** Path in front of every link, without a slash at its end. */
  readonly base: string;
  /** `Idempotency-Key`. */
  readonly idempotencyKey: string | null;
  /** For the run that the act starts, if it starts one: with it a run is known again by the key of its request. */
  readonly runKey: string;
  readonly header: (name: string) => string | undefined;
  /** Fires when the client goes away; never for an act that changes something, which goes on to its end and into the audit without it. */
  readonly signal: AbortSignal;
}

export interface RouteReply {
  readonly status: number;
  /** JSON for an object, sent as it is for the rest. */
  readonly body?: unknown;
  readonly stream?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the audit, beside the act: never a secret. */
  readonly audited?: { readonly target: string | null; readonly details?: Readonly<Record<string, unknown>> };
}

export interface Route<Params = unknown, Query = unknown, Body = unknown> extends RouteShape<Params, Query, Body> {
  handle(input: RouteInput<Params, Query, Body>): Promise<RouteReply>;
}

/** A route among others of other shapes. */
export type AnyRoute = Route<never, never, never>;

/** Keeps the types of one route together; a group of routes is a function from what it needs to a list of these. */
export function route<Params = undefined, Query = undefined, Body = undefined>(given: Route<Params, Query, Body>): AnyRoute {
  return given as unknown as AnyRoute;
}
