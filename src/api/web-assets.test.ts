import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiService, type ApiService } from '../../test/fixtures/api-service.ts';
import type { ServiceSettings } from '../domain/service-settings.ts';
import { readWebAssets, type WebAssets } from './web-assets.ts';

const directory = await mkdtemp(join(tmpdir(), 'holdfast-web-'));
let web: WebAssets | null = null;

beforeAll(async () => {
  await mkdir(join(directory, 'assets'));
  await writeFile(join(directory, 'index.html'), '<base href="__BASE__"><script src="assets/main-1.js">');
  await writeFile(join(directory, 'build.json'), '{}');
  await writeFile(join(directory, 'assets/main-1.js'), 'let a = 1;');
  await writeFile(join(directory, 'assets/main-1.js.br'), 'brotli');
  await writeFile(join(directory, 'assets/main-1.js.gz'), 'gzip');
  await writeFile(join(directory, 'assets/key.pem'), 'of a type that nobody serves');
  web = await readWebAssets(directory);
});
afterAll(() => rm(directory, { recursive: true }));

describe('the dashboard', () => {
  test.each(['/', '/plans/home', '/setup', '/docs'])('is one page for every address that a person types: %s', async (path) => {
    await using service = await withWeb();
    const response = await fetch(service.url + path, { headers: { accept: 'text/html,*/*' } });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(await response.text()).toBe('<base href="/"><script src="assets/main-1.js">');
  });

  test('knows the path that stands before it', async () => {
    await using service = await withWeb({ basePath: '/holdfast', trustedProxies: ['127.0.0.1'] });
    const page = async (headers: Record<string, string>) => (await fetch(`${service.url}/holdfast/`, { headers })).text();
    expect(await page({})).toContain('<base href="/holdfast/">');
    expect(await page({ 'x-ingress-path': '/api/hassio_ingress/abc' })).toContain('<base href="/api/hassio_ingress/abc/">');
  });

  test('is no answer to programs', async () => {
    await using service = await withWeb();
    for (const path of ['/api/v1/nothing', '/backups/a/b', '/assets/none.js', '/readyz/no'])
      expect((await fetch(service.url + path, { headers: { accept: 'text/html' } })).status, path).toBe(404);
    expect((await fetch(`${service.url}/plans/home`, { headers: { accept: 'application/json' } })).status).toBe(404);
    expect((await fetch(`${service.url}/docs`, { headers: { accept: '*/*' } })).status, 'where our problems link to').toBe(200);
    expect((await fetch(`${service.url}/plans/home`, { method: 'POST', headers: { accept: 'text/html' } })).status).toBe(404);
  });

  test('that was not built is said, with what to do', async () => {
    expect(await readWebAssets(join(directory, 'absent'))).toBeNull();
    await using service = await apiService();
    const response = await fetch(`${service.url}/`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'DASHBOARD_MISSING' });
  });
});

describe('its files', () => {
  test.each([
    ['br, gzip', 'br', 'brotli'],
    ['gzip;q=1.0', 'gzip', 'gzip'],
    ['identity', undefined, 'let a = 1;'],
  ])('come compressed as the browser likes them: %s', async (accepted, encoding, body) => {
    await using service = await withWeb();
    const { headers, text } = await rawGet(`${service.url}/assets/main-1.js`, { 'accept-encoding': accepted });
    expect([headers['content-encoding'], text]).toEqual([encoding, body]);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['content-type']).toBe('text/javascript; charset=utf-8');
  });

  test.each(['key.pem', 'main-1.js.br', '..%2findex.html', '..%2fbuild.json', '%2e%2e%2findex.html', 'constructor', '__proto__'])(
    'are those that were built, and no others: %s',
    async (name) => {
      await using service = await withWeb();
      expect((await fetch(`${service.url}/assets/${name}`)).status).toBe(404);
    },
  );
});

function withWeb(settings: Partial<ServiceSettings> = {}): Promise<ApiService> {
  if (web === null) throw new Error('the dashboard was not read');
  return apiService({ web, settings });
}

/** Without the decoding that fetch does by itself. */
async function rawGet(url: string, headers: Record<string, string>): Promise<{ headers: IncomingMessage['headers']; text: string }> {
  const sent = request(url, { headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { headers: response.headers, text: Buffer.concat(await response.toArray()).toString() };
}
