import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError } from '../domain/errors.ts';
import { exchangeOf } from './exchange.ts';
import { notFound } from './problems.ts';
import { chooseEncoding, type WebAssets } from './web-assets.ts';

/** Where people and our problems link to: whoever asks gets the page. */
const linked = new Set(['/', '/docs']);
/** Programs ask here: what is not there is a problem for them, and no page. */
const forPrograms = /^\/(?:api|backups|assets|metrics|healthz|readyz|openapi\.json)(?:\/|$)/u;

/** The dashboard: its files, and its one page for every address that a person may have typed. Nothing in them is secret. */
export function serveWeb(app: FastifyInstance, web: WebAssets | null): void {
  app.route<{ Params: { name: string } }>({
    method: ['GET', 'HEAD'],
    url: '/assets/:name',
    handler: (request, reply) => sendAsset(request, reply, { web, name: request.params.name }),
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    if (!isForPeople(request, path)) throw notFound(exchangeOf(request).path);
    if (web === null) throw dashboardMissing();
    return reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('cache-control', 'no-cache')
      .code(200)
      .send(web.page(exchangeOf(request).seen.base));
  });
}

function isForPeople({ method, headers }: FastifyRequest, path: string): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || forPrograms.test(path)) return false;
  return linked.has(path) || (headers.accept ?? '').includes('text/html');
}

/** Their names change with their content, so a browser may keep them for ever. */
function sendAsset(request: FastifyRequest, reply: FastifyReply, { web, name }: { web: WebAssets | null; name: string }): FastifyReply {
  const asset = web?.asset(name);
  if (asset === undefined) throw notFound(exchangeOf(request).path);
  const encoding = chooseEncoding(asset, request.headers['accept-encoding']?.toString());
  if (encoding !== null) reply.header('content-encoding', encoding);
  return reply
    .header('content-type', asset.mediaType)
    .header('cache-control', 'public, max-age=31536000, immutable')
    .header('vary', 'accept-encoding')
    .send(encoding === null ? asset.bytes : asset.encoded[encoding]);
}

function dashboardMissing(): HoldfastError {
  return new HoldfastError('DASHBOARD_MISSING', 'The dashboard was not built', {
    hint: 'Build it: node scripts/build-web.ts; the API works without it',
  });
}
