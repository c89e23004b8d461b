import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ApiContext } from '../api-context.ts';
import { exposition, expositionMediaType } from '../metrics/exposition.ts';
import { type Figures, figuresOf } from '../metrics/figures.ts';
import type { HttpRequests } from '../metrics/http-requests.ts';
import { metricsOf } from '../metrics/metrics.ts';
import { openApi } from '../openapi.ts';
import { type AnyRoute, route } from '../route.ts';
import { requireAllPlans } from '../sight.ts';

export interface SystemRoutesOptions {
  /** All other routes, for the document. */
  readonly others: readonly AnyRoute[];
  readonly requests: HttpRequests;
  readonly isSchedulerAlive: () => boolean;
}

/** The service itself: whether it lives, what it measures, what it can do, how it is configured. */
export function systemRoutes(context: ApiContext, options: SystemRoutesOptions): readonly AnyRoute[] {
  const own: AnyRoute[] = [healthRoute(options), readyRoute(context, options), metricsRoute(context, options), configRoute(context)];
  return [...own, documentRoute(context, [...options.others, ...own])];
}

const health = z.object({ status: z.enum(['ok', 'failing']) });
const readiness = z.object({ status: z.enum(['ok', 'failing']), checks: z.record(z.string(), z.enum(['ok', 'failing'])) });

function healthRoute({ isSchedulerAlive }: SystemRoutesOptions): AnyRoute {
  return route({
    method: 'GET',
    path: '/healthz',
    id: 'health',
    group: 'system',
    summary: 'Whether the service lives: its scheduler looked at its schedules within two minutes',
    needs: 'public',
    replies: { 200: health, 503: health },
    handle: () => {
      const isAlive = isSchedulerAlive();
      return Promise.resolve({ status: isAlive ? 200 : 503, body: { status: isAlive ? 'ok' : 'failing' } });
    },
  });
}

function readyRoute({ state, world }: ApiContext, { isSchedulerAlive }: SystemRoutesOptions): AnyRoute {
  return route({
    method: 'GET',
    path: '/readyz',
    id: 'readiness',
    group: 'system',
    summary: 'Whether everything that the service stands on works',
    needs: 'public',
    replies: { 200: readiness, 503: readiness },
    handle: async () => {
      const works = {
        state: await succeeds(state.accounts.countUsers()),
        history: await succeeds(world.history.revision()),
        scheduler: isSchedulerAlive(),
      };
      const checks = Object.fromEntries(Object.entries(works).map(([name, isWorking]) => [name, isWorking ? 'ok' : 'failing']));
      const isReady = Object.values(works).every(Boolean);
      return { status: isReady ? 200 : 503, body: { status: isReady ? 'ok' : 'failing', checks } };
    },
  });
}

function succeeds(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    () => false,
  );
}

function metricsRoute(context: ApiContext, { requests }: SystemRoutesOptions): AnyRoute {
  const { world, plans, state, board, queue, settings } = context;
  const read = figuresOf(world.history, plans);
  const startedAt = world.clock.now();
  let figures: Figures | null = null;
  return route({
    method: 'GET',
    path: '/metrics',
    id: 'metrics',
    group: 'system',
    summary: 'Figures for Prometheus',
    needs: settings.metrics === 'public' ? 'public' : 'viewer',
    replies: { 200: expositionMediaType },
    handle: async ({ principal }) => {
      requireAllPlans(principal);
      const isHistoryUp = await succeeds(read().then((found) => (figures = found)));
      const channels = await state.outbox.channels();
      const [status, stores, live] = [board.status(), board.stores(), queue.live()];
      const text = exposition(
        metricsOf({ version: world.version, status, stores, figures, isHistoryUp, live, channels, requests, startedAt }),
      );
      return { status: 200, headers: { 'content-type': expositionMediaType }, body: text };
    },
  });
}

function configRoute(context: ApiContext): AnyRoute {
  return route({
    method: 'GET',
    path: '/api/v1/config',
    id: 'showConfiguration',
    group: 'system',
    summary: 'The effective configuration, with where each value came from; secrets are left out',
    needs: 'operator',
    replies: { 200: z.unknown() },
    handle: async ({ principal }) => {
      requireAllPlans(principal);
      return { status: 200, body: await context.shownConfiguration() };
    },
  });
}

/** Made when first asked for: it needs all routes, itself included. */
function documentRoute({ world, settings }: ApiContext, others: readonly AnyRoute[]): AnyRoute {
  let document: { readonly bytes: Buffer; readonly etag: string } | null = null;
  const self: AnyRoute = route({
    method: 'GET',
    path: '/openapi.json',
    id: 'document',
    group: 'system',
    summary: 'This document',
    needs: 'public',
    replies: { 200: z.unknown(), 304: null },
    handle: ({ header }) => {
      document ??= rendered(openApi([...others, self], { version: world.version, basePath: settings.basePath }));
      const headers = { etag: document.etag, 'cache-control': 'no-cache' };
      if (header('if-none-match') === document.etag) return Promise.resolve({ status: 304, headers });
      const body = document.bytes;
      return Promise.resolve({ status: 200, headers: { ...headers, 'content-type': 'application/json; charset=utf-8' }, body });
    },
  });
  return self;
}

function rendered(document: unknown): { readonly bytes: Buffer; readonly etag: string } {
  const bytes = Buffer.from(JSON.stringify(document));
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` };
}
