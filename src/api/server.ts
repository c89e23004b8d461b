import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify';
import { HoldfastError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { admit, answerProblem, answerWith, type AnswerOptions } from './answer.ts';
import type { ApiContext } from './api-context.ts';
import { type Authenticate, beginExchange, type Exchange, exchangeOf, type OpenExchanges } from './exchange.ts';
import { openForwarding } from './forwarded.ts';
import { Idempotency } from './idempotency.ts';
import { listen } from './listen.ts';
import { HttpRequests } from './metrics/http-requests.ts';
import { Pacing } from './pacing.ts';
import { parseJson } from './request-input.ts';
import type { AnyRoute } from './route.ts';
import { systemRoutes } from './routes/system.ts';
import { serveWeb } from './serve-web.ts';
import type { WebAssets } from './web-assets.ts';

export interface ServerOptions {
  /** All groups but those of the frame itself, which it adds: health, metrics, the document, the configuration. */
  readonly routes: readonly AnyRoute[];
  readonly authenticate: Authenticate;
  /** The dashboard; null when it was not built. */
  readonly web: WebAssets | null;
  readonly log: Log;
  readonly clock: Clock;
  /** False when the scheduler has not looked at its schedules for two minutes. */
  readonly isSchedulerAlive: () => boolean;
}

export interface ApiServer {
  /** Where it listens: `http://127.0.0.1:8000`, `unix:/run/holdfast.sock`. */
  readonly addresses: readonly string[];
  /** Takes nothing new, ends open streams, gives replies that are being made five seconds, cuts what is left, and gives acts five more. */
  close(): Promise<void>;
}

const bodyLimitBytes = 64 * 1024;
const farewellMs = 5_000;

/** Begins to listen and to answer. Throws `LISTEN_FAILED`. */
export async function openServer(context: ApiContext, options: ServerOptions): Promise<ApiServer> {
  const frame = frameOf(context, options);
  const app = bareServer(frame);
  const { isSchedulerAlive } = options;
  const own = systemRoutes(context, { others: options.routes, requests: frame.requests, isSchedulerAlive });
  for (const route of [...options.routes, ...own]) register(app, route, frame);
  serveWeb(app, options.web);
  return { addresses: await listen(app, context.settings.listen), close: () => close(app, frame) };
}

/** What every request needs, and what is known of all of them together. */
interface Frame extends AnswerOptions {
  readonly settings: ApiContext['settings'];
  readonly pacing: Pacing;
  readonly requests: HttpRequests;
  readonly open: OpenExchanges;
  /** Replies that are being made: acts go on and are written down when nobody waits for them any more. */
  readonly making: Set<Promise<unknown>>;
  isClosing: boolean;
}

function frameOf({ settings, queue, state, world }: ApiContext, { authenticate, log, clock }: ServerOptions): Frame {
  const isBusy = (): boolean => queue.live().some((run) => run.state === 'running');
  const pacing = new Pacing({ isBusy, clock, processorMs });
  const newRunKey = (): string => world.newRunKey();
  const idempotency = new Idempotency({ ...state, history: world.history, clock, newRunKey });
  const known = {
    settings,
    requests: new HttpRequests(),
    open: new Set<Exchange>(),
    making: new Set<Promise<unknown>>(),
    isClosing: false,
  };
  return { ...known, pacing, idempotency, newRunKey, authenticate, state, log, clock };
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function bareServer(frame: Frame): FastifyInstance {
  const begin = beginning(frame);
  const app = fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    requestTimeout: 30_000,
    keepAliveTimeout: 20_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false },
    rewriteUrl: ({ url }) => withoutBase(url ?? '/', frame.settings.basePath),
    clientErrorHandler: answerUnreadable,
    schemaController: { compilersFactory: { buildValidator: () => neverCompiled, buildSerializer: () => neverCompiled } },
    frameworkErrors: (error, request, reply) => {
      begin(request, reply);
      void answerProblem(error, request, reply, frame);
    },
  });
  app.decorateRequest('exchange', null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => parseBody(body as Buffer, done));
  app.addHook('onRequest', async (request, reply) => {
    begin(request, reply);
    await takeTurn(request, frame);
  });
  app.addHook('onResponse', (request, reply, done) => {
    tell(request, reply, frame);
    done();
  });
  app.setErrorHandler((error, request, reply) => made(answerProblem(error, request, reply, frame), frame));
  return app;
}

/** Routes are read and written by schemas of ours: without this, Fastify would load compilers of 6 MB that nothing asks for. */
function neverCompiled(): never {
  throw new Error('no route has a schema of Fastify');
}

function beginning({ settings, clock, open }: Frame): (request: FastifyRequest, reply: FastifyReply) => void {
  const seenFrom = openForwarding(settings);
  const { frameAncestors } = settings;
  return (request, reply) =>
    beginExchange(request, reply, { seen: seenFrom(request.raw), frameAncestors, startedMs: clock.monotonicMs(), open });
}

const unpaced = new Set(['/healthz', '/readyz']);

async function takeTurn(request: FastifyRequest, { pacing, isClosing }: Frame): Promise<void> {
  if (isClosing) throw new HoldfastError('SERVICE_STOPPING', 'The service is being stopped', { hint: 'Ask again when it runs again' });
  const turn = unpaced.has(request.routeOptions.url ?? '') ? null : pacing.turn(exchangeOf(request).gone.signal);
  if (turn !== null) await turn;
}

function tell(request: FastifyRequest, reply: FastifyReply, { requests, log, clock }: Frame): void {
  requests.count(request.method, reply.statusCode);
  const { id, path, principal, seen, startedMs } = exchangeOf(request);
  const durationMs = Math.round(clock.monotonicMs() - startedMs);
  const fields = { component: 'Api', user: principal?.name ?? 'anonymous', address: seen.address, requestId: id, durationMs };
  log.debug(`${request.method} ${path.slice(0, 500)} ${reply.statusCode}`, fields);
}

/** A GET answers HEAD too, unless its reply has no end. */
function register(app: FastifyInstance, route: AnyRoute, frame: Frame): void {
  const endless = route.replies[200] === 'text/event-stream';
  const method: HTTPMethods[] = route.method === 'GET' && !endless ? ['GET', 'HEAD'] : [route.method];
  const answer = answerWith(route, frame);
  app.route({
    method,
    url: route.path,
    config: { route },
    onRequest: (request) => admit(route, request, frame),
    handler: (request, reply) => made(answer(request, reply), frame),
  });
}

/** A reply that fails is followed by one that says so. */
async function untilNone(making: ReadonlySet<Promise<unknown>>): Promise<void> {
  while (making.size > 0) await Promise.allSettled(making);
}

function made<T>(reply: Promise<T>, { making }: Frame): Promise<T> {
  const noted = reply.finally(() => making.delete(noted));
  making.add(noted);
  return noted;
}

function parseBody(body: Buffer, done: (error: Error | null, value?: unknown) => void): void {
  try {
    done(null, parseJson(body));
  } catch (cause) {
    done(Object.assign(new Error('not JSON', { cause }), { statusCode: 400 }));
  }
}

/** The same routes below the base path and without it: a reverse proxy may strip it, and a health check need not know it. */
function withoutBase(url: string, basePath: string): string {
  if (basePath === '' || !url.startsWith(basePath)) return url;
  const rest = url.slice(basePath.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest : url;
}

/** What is no HTTP, or too much of it: there is no request to answer. */
function answerUnreadable({ code }: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.destroyed || !socket.writable) return;
  const status = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
}

async function close(app: FastifyInstance, frame: Frame): Promise<void> {
  frame.isClosing = true;
  frame.pacing.close();
  for (const exchange of frame.open) if (exchange.isStreaming) exchange.gone.abort();
  const timer = setTimeout(() => app.server.closeAllConnections(), farewellMs);
  await app.close();
  clearTimeout(timer);
  await finish(frame);
}

/** What is not done by then stays out of the audit, and that is told. */
async function finish({ making, log }: Frame): Promise<void> {
  const patience = new AbortController();
  const isOver = wait(farewellMs, true, { signal: patience.signal }).catch(() => true);
  const isLate = await Promise.race([isOver, untilNone(making).then(() => false)]);
  patience.abort();
  if (isLate) log.warn('Acts were cut short by the stop and may not be in the audit', { component: 'Api', acts: making.size });
}
