import { once as event } from 'node:events';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { apiService, type ApiService, type ApiServiceOptions } from '../../test/fixtures/api-service.ts';
import { HoldfastError } from '../domain/errors.ts';
import { problem, type Problem } from './contract.ts';
import { type AnyRoute, route } from './route.ts';

const noteBody = z.strictObject({ text: z.string().max(100).optional() });

/** One route of each sort. */
function sampleRoutes(handled: string[] = []): readonly AnyRoute[] {
  const params = z.object({ plan: z.string().regex(/^[a-z]+$/u) });
  const common = { group: 'plans', summary: 'A sample' } as const;
  return [
    route({
      ...common,
      method: 'GET',
      path: '/api/v1/samples/:plan',
      id: 'readSample',
      needs: 'viewer',
      params,
      query: z.object({ limit: z.coerce.number().int().min(1).max(10).default(5) }),
      planOf: (input) => input.params.plan,
      replies: { 200: z.object({ plan: z.string(), limit: z.int() }) },
      handle: ({ params: { plan }, query: { limit } }) => Promise.resolve({ status: 200, body: { plan, limit } }),
    }),
    route({
      ...common,
      method: 'POST',
      path: '/api/v1/samples/:plan',
      id: 'writeSample',
      needs: 'operator',
      params,
      body: noteBody,
      planOf: (input) => input.params.plan,
      idempotencyKey: 'accepted',
      act: 'sample',
      replies: { 201: z.object({ number: z.int() }) },
      handle: ({ body, params: { plan } }) => {
        handled.push(body.text ?? '');
        if (body.text === 'held')
          throw new HoldfastError('LOCK_HELD', 'Cannot do it now', { hint: 'Wait', retry: { kind: 'after', delayMs: 1500 } });
        if (body.text === 'bug') throw new TypeError('secret inside');
        return Promise.resolve({
          status: 201,
          headers: { location: `samples/${handled.length}` },
          body: { number: handled.length },
          audited: { target: plan, details: { length: body.text?.length ?? 0 } },
        });
      },
    }),
    route({
      ...common,
      method: 'POST',
      path: '/api/v1/removals',
      id: 'removeSample',
      needs: 'administrator',
      idempotencyKey: 'required',
      act: 'remove',
      replies: { 204: null },
      handle: () => Promise.resolve({ status: 204 }),
    }),
    route({
      ...common,
      method: 'GET',
      path: '/api/v1/bytes',
      id: 'readBytes',
      needs: 'viewer',
      replies: { 200: 'application/octet-stream' },
      handle: () =>
        Promise.resolve({
          status: 200,
          headers: { 'content-type': 'application/octet-stream', 'content-length': '6' },
          stream: Readable.from(['abc', 'def']),
        }),
    }),
    route({
      ...common,
      method: 'GET',
      path: '/api/v1/endless',
      id: 'readEndless',
      needs: 'viewer',
      replies: { 200: 'text/event-stream' },
      handle: ({ signal }) => {
        const stream = new Readable({ read: () => undefined });
        stream.push(': open\n\n');
        signal.addEventListener('abort', () => stream.push(null));
        return Promise.resolve({ status: 200, headers: { 'content-type': 'text/event-stream' }, stream });
      },
    }),
    route({
      ...common,
      method: 'POST',
      path: '/api/v1/knocks',
      id: 'knock',
      needs: 'public',
      body: noteBody,
      act: 'knock',
      replies: { 204: null },
      handle: () => Promise.reject(new HoldfastError('SIGN_IN_FAILED', 'Cannot sign in', { hint: 'Try again' })),
    }),
  ];
}

function samples(options: Partial<ApiServiceOptions> & { readonly handled?: string[] } = {}): Promise<ApiService> {
  return apiService({ routes: () => sampleRoutes(options.handled), ...options });
}

async function problemIn(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  return problem.parse(await response.json());
}

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

describe('leave', () => {
  test('nobody without a credential gets past the door, and is told what to do', async () => {
    await using service = await samples();
    const response = await fetch(`${service.url}/api/v1/samples/home`);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await problemIn(response)).toMatchObject({
      code: 'UNAUTHENTICATED',
      instance: '/api/v1/samples/home',
      type: '/docs#UNAUTHENTICATED',
    });
  });

  test('a bad credential is refused, not taken for none', async () => {
    await using service = await samples();
    const response = await fetch(`${service.url}/api/v1/samples/home`, { headers: { authorization: 'Bearer hft_nonsense' } });
    expect(response.status).toBe(401);
  });

  test('a role does what it may, and no more', async () => {
    await using service = await samples();
    const viewer = await service.as('viewer');
    expect((await fetch(`${service.url}/api/v1/samples/home`, { headers: viewer })).status).toBe(200);
    const refused = await post(`${service.url}/api/v1/samples/home`, {}, viewer);
    expect(refused.status).toBe(403);
    expect((await problemIn(refused)).code).toBe('FORBIDDEN');
  });

  test('the body of one who may not act is never read', async () => {
    const handled: string[] = [];
    await using service = await samples({ handled });
    const response = await fetch(`${service.url}/api/v1/samples/home`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: 'a,b',
    });
    expect(response.status).toBe(401);
    expect(handled).toEqual([]);
  });

  test('plans that a token is not bound to do not exist for it', async () => {
    await using service = await samples();
    const bound = await service.as('operator', ['home']);
    expect((await fetch(`${service.url}/api/v1/samples/home`, { headers: bound })).status).toBe(200);
    const other = await fetch(`${service.url}/api/v1/samples/other`, { headers: bound });
    expect(other.status).toBe(404);
    expect((await problemIn(other)).code).toBe('PLAN_UNKNOWN');
  });

  test.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ])('an act that another site asks for is refused: %j', async (headers) => {
    await using service = await samples();
    const response = await post(`${service.url}/api/v1/knocks`, {}, headers);
    expect(response.status).toBe(403);
  });

  test('an act of a page of our own, or of a program, is not', async () => {
    await using service = await samples();
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { origin: service.url }, {}] as Record<string, string>[])
      expect((await post(`${service.url}/api/v1/knocks`, {}, headers)).status).toBe(401);
  });
});

describe('input', () => {
  test('what no schema names is refused, each with its pointer', async () => {
    await using service = await samples();
    const operator = await service.as('operator');
    const query = await fetch(`${service.url}/api/v1/samples/home?limit=0&colour=red`, { headers: operator });
    expect(query.status).toBe(400);
    const pointers = (await problemIn(query)).errors?.map(({ pointer }) => pointer);
    expect(pointers?.toSorted()).toEqual(['/query/colour', '/query/limit']);
    const body = await post(`${service.url}/api/v1/samples/home`, { text: 'a', 'odd/key': 1 }, operator);
    expect((await problemIn(body)).errors).toEqual([{ pointer: '/body/odd~1key', detail: 'is not known here' }]);
  });

  test('a body may be absent where nothing in it is required', async () => {
    await using service = await samples();
    const headers = await service.as('operator');
    const url = `${service.url}/api/v1/samples/home`;
    expect((await fetch(url, { method: 'POST', headers })).status).toBe(201);
    expect((await fetch(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } })).status).toBe(201);
  });

  test.each([
    ['not JSON', '{', 400, 'REQUEST_INVALID'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400, 'REQUEST_INVALID'],
    ['a list', '[]', 400, 'REQUEST_INVALID'],
    ['a bare word', 'null', 201, null],
    ['__proto__', '{"__proto__":{"text":"a"}}', 400, 'REQUEST_INVALID'],
    ['NUL', String.raw`{"text":"a\u0000"}`, 400, 'REQUEST_INVALID'],
    ['half a pair', String.raw`{"text":"\ud800"}`, 400, 'REQUEST_INVALID'],
    ['very deep', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, 400, 'REQUEST_INVALID'],
    ['very deep and known', `{"text":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, 400, 'REQUEST_INVALID'],
    ['more than 64 KiB', JSON.stringify({ text: 'a'.repeat(70_000) }), 413, 'BODY_TOO_LARGE'],
  ])('a body that is %s', async (_what, body, status, code) => {
    await using service = await samples();
    const headers = { ...(await service.as('operator')), 'content-type': 'application/json' };
    const response = await fetch(`${service.url}/api/v1/samples/home`, { method: 'POST', headers, body });
    expect(response.status).toBe(status);
    if (code !== null) expect((await problemIn(response)).code).toBe(code);
  });

  test('a body of another media type is refused', async () => {
    await using service = await samples();
    const headers = { ...(await service.as('operator')), 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fetch(`${service.url}/api/v1/samples/home`, { method: 'POST', headers, body: 'text=a' });
    expect(response.status).toBe(415);
    expect((await problemIn(response)).code).toBe('MEDIA_TYPE');
  });

  test.each(['/api/v1/samples/%zz', '/api/v1/samples/..%2f..%2fetc', '/api/v1/samples/%00', '/api/v1/samples/a%2fb'])(
    'an odd path: %s',
    async (path) => {
      await using service = await samples();
      const response = await rawGet(service.url, path, await service.as('viewer'));
      expect(response.status).toBe(400);
      expect(JSON.parse(response.body)).toMatchObject({ code: 'REQUEST_INVALID' });
    },
  );

  test('what is not there is a problem, and so is a name too long for any route', async () => {
    await using service = await samples();
    const viewer = await service.as('viewer');
    for (const path of ['/api/v1/nothing', '/api/v2', '/backups/x/y', `/api/v1/samples/${'a'.repeat(600)}`, '/assets/..%2fserver.ts']) {
      const response = await fetch(service.url + path, { headers: viewer });
      expect(response.status, path).toBe(404);
      expect((await problemIn(response)).code).toBe('NOT_FOUND');
    }
  });

  test('what is no HTTP is ended, and the service goes on', async () => {
    await using service = await samples();
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    socket.end('GET / HTTP/9.9\r\n\r\n');
    const [first] = (await event(socket, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1.1 400 /);
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
  });
});

test.each(['/metrics', '/api/v1/config'])('%s tells of all plans, and is refused to a token that is bound to some', async (path) => {
  await using service = await apiService();
  const statusFor = async (headers: Record<string, string>) => (await fetch(`${service.url}${path}`, { headers })).status;
  expect(await statusFor(await service.as('administrator', ['home']))).toBe(403);
  expect(await statusFor(await service.as('operator'))).toBe(200);
});

/** An act that goes on until it is released, and clients of it that leave before. */
async function heldAct() {
  const released = Promise.withResolvers<void>();
  const begun: (() => void)[] = [];
  let count = 0;
  const held = route({
    method: 'POST',
    path: '/api/v1/held',
    id: 'hold',
    group: 'plans',
    summary: 'A sample',
    needs: 'operator',
    idempotencyKey: 'accepted',
    act: 'hold',
    replies: { 201: z.object({ number: z.int() }) },
    handle: async ({ signal }) => {
      const number = ++count;
      begun.shift()?.();
      const gone = event(signal, 'abort').then(() => Promise.reject(signal.reason as Error));
      await Promise.race([released.promise, gone]);
      return { status: 201, body: { number }, audited: { target: String(number) } };
    },
  });
  const service = await apiService({ routes: () => [held] });
  const who = await service.as('operator');
  const ask = (headers: Record<string, string>, signal?: AbortSignal) =>
    fetch(`${service.url}/api/v1/held`, { method: 'POST', headers: { ...who, ...headers }, ...(signal && { signal }) });
  return {
    service,
    ask,
    release: released.resolve,
    async leaveDuring(headers: Record<string, string>) {
      const [client, started] = [new AbortController(), Promise.withResolvers<void>()];
      begun.push(started.resolve);
      const asked = ask(headers, client.signal).catch(() => undefined);
      await started.promise;
      client.abort();
      await asked;
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

describe('a client that leaves', () => {
  test('ends no act: it goes on, and is in the audit as it ended', async () => {
    await using act = await heldAct();
    await act.leaveDuring({});
    act.release();
    const entries = () => act.service.state.audit.entries({ limit: 9 });
    await vi.waitFor(async () => expect(await entries()).toHaveLength(1));
    expect(await entries()).toMatchObject([{ act: 'hold', result: 'done', target: '1' }]);
    expect(act.service.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('and the stop of the service wait for the act: then it is in the audit', async () => {
    await using act = await heldAct();
    await act.leaveDuring({});
    let isClosed = false;
    const closed = act.service.server.close().then(() => (isClosed = true));
    await vi.waitFor(() => expect(fetch(`${act.service.url}/healthz`)).rejects.toThrow());
    await new Promise(setImmediate);
    expect(isClosed).toBe(false);
    act.release();
    await closed;
    expect(await act.service.state.audit.entries({ limit: 9 })).toMatchObject([{ act: 'hold', result: 'done' }]);
  });

  test.each([{}, { act: 'look' }])('ends what is read for it, which is no error: %j', async (audited) => {
    const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const reading = route({
      ...audited,
      method: 'GET',
      path: '/api/v1/slow',
      id: 'readSlowly',
      group: 'plans',
      summary: 'A sample',
      needs: 'public',
      replies: { 200: z.object({}) },
      handle: async ({ signal }) => {
        begun.resolve();
        await event(signal, 'abort');
        ended.resolve();
        throw signal.reason;
      },
    });
    await using service = await apiService({ routes: () => [reading] });
    const client = new AbortController();
    const asked = fetch(`${service.url}/api/v1/slow`, { signal: client.signal }).catch(() => undefined);
    await begun.promise;
    client.abort();
    await Promise.all([asked, ended.promise]);
    await vi.waitFor(() => expect(service.log.lines.map(({ message }) => message)).toContainEqual(expect.stringContaining('Nobody waits')));
    expect(service.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('idempotency', () => {
  test('the same request with the same key is done once', async () => {
    const handled: string[] = [];
    await using service = await samples({ handled });
    const headers = { ...(await service.as('operator')), 'idempotency-key': 'k-1' };
    const url = `${service.url}/api/v1/samples/home`;
    const first = await post(url, { text: 'a' }, headers);
    const again = await post(url, { text: 'a' }, headers);
    expect([first.status, again.status, handled]).toEqual([201, 201, ['a']]);
    expect(await again.json()).toEqual(await first.json());
    expect(again.headers.get('location')).toBe('samples/1');
    expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([null, 'true']);
  });

  test('a key is refused for another body, for another path, and where it is not taken', async () => {
    await using service = await samples();
    const headers = { ...(await service.as('administrator')), 'idempotency-key': 'k-1' };
    const url = `${service.url}/api/v1/samples`;
    expect((await post(`${url}/home`, { text: 'a' }, headers)).status).toBe(201);
    expect((await post(`${url}/home`, { text: 'b' }, headers)).status).toBe(422);
    expect((await post(`${url}/work`, { text: 'a' }, headers)).status).toBe(422);
    expect((await post(`${service.url}/api/v1/knocks`, {}, { 'idempotency-key': 'k-2' })).status).toBe(400);
    expect((await post(`${url}/home`, {}, { ...headers, 'idempotency-key': 'é' })).status).toBe(400);
  });

  test('keys belong to one actor', async () => {
    await using service = await samples();
    const url = `${service.url}/api/v1/samples/home`;
    for (const who of [await service.as('operator'), await service.as('operator')]) {
      const response = await post(url, { text: 'a' }, { ...who, 'idempotency-key': 'same' });
      expect(response.headers.get('idempotency-replayed')).toBeNull();
    }
  });

  test('what failed sets its key free', async () => {
    const handled: string[] = [];
    await using service = await samples({ handled });
    const headers = { ...(await service.as('operator')), 'idempotency-key': 'k-1' };
    const url = `${service.url}/api/v1/samples/home`;
    expect((await post(url, { text: 'bug' }, headers)).status).toBe(500);
    expect((await post(url, { text: 'held' }, headers)).status).toBe(409);
    expect(handled).toEqual(['bug', 'held']);
  });

  test('who was cut off gets the first reply by asking again', async () => {
    await using act = await heldAct();
    const headers = { 'idempotency-key': 'k' };
    await act.leaveDuring(headers);
    expect((await problemIn(await act.ask(headers))).code).toBe('LOCK_HELD');
    act.release();
    const again = await vi.waitFor(async () => {
      const response = await act.ask(headers);
      expect(response.status).toBe(201);
      return response;
    });
    expect([again.headers.get('idempotency-replayed'), await again.json()]).toEqual(['true', { number: 1 }]);
  });

  test('a route that requires a key says so', async () => {
    await using service = await samples();
    const headers = await service.as('administrator');
    const response = await post(`${service.url}/api/v1/removals`, {}, headers);
    expect((await problemIn(response)).errors).toEqual([{ pointer: '/headers/idempotency-key', detail: 'is required here' }]);
    expect((await post(`${service.url}/api/v1/removals`, {}, { ...headers, 'idempotency-key': 'k' })).status).toBe(204);
  });
});

describe('replies', () => {
  test('carry what protects them, and an id that the log has too', async () => {
    await using service = await samples();
    const response = await fetch(`${service.url}/api/v1/nothing`);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('strict-transport-security')).toBeNull();
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    const id = response.headers.get('x-request-id');
    expect(service.log.lines.some(({ fields }) => fields['requestId'] === id)).toBe(true);
  });

  test('a bug is told to the log and not to the client', async () => {
    await using service = await samples();
    const response = await post(`${service.url}/api/v1/samples/home`, { text: 'bug' }, await service.as('operator'));
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).not.toContain('secret inside');
    const line = service.log.lines.find(({ level }) => level === 'error');
    expect(line?.fields['error']).toMatchObject({ message: 'secret inside' });
  });

  test('one that may succeed later says when', async () => {
    await using service = await samples();
    const response = await post(`${service.url}/api/v1/samples/home`, { text: 'held' }, await service.as('operator'));
    expect([response.status, response.headers.get('retry-after')]).toEqual([409, '2']);
  });

  test('HEAD says what GET would, without a body', async () => {
    await using service = await samples();
    const headers = await service.as('viewer');
    const head = await fetch(`${service.url}/api/v1/bytes`, { method: 'HEAD', headers });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '6']);
    expect(await (await fetch(`${service.url}/api/v1/bytes`, { headers })).text()).toBe('abcdef');
    expect((await fetch(`${service.url}/api/v1/endless`, { method: 'HEAD', headers })).status).toBe(404);
  });

  test('a stream ends when the service does', async () => {
    const service = await samples();
    const response = await fetch(`${service.url}/api/v1/endless`, { headers: await service.as('viewer') });
    const [text] = await Promise.all([response.text(), service[Symbol.asyncDispose]()]);
    expect(text).toBe(': open\n\n');
  });
});

describe('the audit', () => {
  test('has every act, done, refused or failed', async () => {
    await using service = await samples();
    const url = `${service.url}/api/v1/samples/home`;
    await post(url, { text: 'abc' }, await service.as('operator'));
    await post(url, {}, await service.as('viewer'));
    await post(url, { text: 'bug' }, await service.as('operator'));
    await post(`${service.url}/api/v1/knocks`, {});
    const entries = await service.state.audit.entries({ limit: 10 });
    expect(entries.map(({ actor, act, result, target, details }) => ({ actor, act, result, target, details }))).toEqual([
      { actor: 'anonymous', act: 'knock', result: 'refused', target: '/api/v1/knocks', details: { code: 'SIGN_IN_FAILED' } },
      { actor: 'operator', act: 'sample', result: 'failed', target: '/api/v1/samples/home', details: { code: 'INTERNAL' } },
      { actor: 'viewer', act: 'sample', result: 'refused', target: '/api/v1/samples/home', details: { code: 'FORBIDDEN' } },
      { actor: 'operator', act: 'sample', result: 'done', target: 'home', details: { length: 3 } },
    ]);
    expect(entries.every(({ address }) => address === '127.0.0.1')).toBe(true);
  });

  test('is not filled by strangers, who are in the log', async () => {
    await using service = await samples();
    for (let knock = 0; knock < 5; knock++) await post(`${service.url}/api/v1/samples/home`, {});
    expect(await service.state.audit.entries({ limit: 10 })).toEqual([]);
    expect(service.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(5);
  });
});

describe('the address', () => {
  test('routes answer below the base path and without it', async () => {
    await using service = await samples({ settings: { basePath: '/holdfast' } });
    const headers = await service.as('viewer');
    for (const path of ['/holdfast/api/v1/samples/home', '/api/v1/samples/home', '/holdfast/healthz', '/healthz'])
      expect((await fetch(service.url + path, { headers })).status, path).toBe(200);
    expect((await fetch(`${service.url}/holdfastapi/v1/samples/home`, { headers })).status).toBe(404);
    const missing = await fetch(`${service.url}/holdfast/api/v1/nothing`, { headers });
    expect(await problemIn(missing)).toMatchObject({ type: '/holdfast/docs#NOT_FOUND', instance: '/holdfast/api/v1/nothing' });
  });

  test('one that is taken is told, with what to do', async () => {
    await using service = await samples();
    const port = Number(new URL(service.url).port);
    await expect(samples({ settings: { listen: { kind: 'tcp', host: '127.0.0.1', port } } })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    });
  });

  test('may be a socket, which two services do not share', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-socket-'));
    const path = join(directory, 'api.sock');
    try {
      const settings = { listen: { kind: 'socket', path } } as const;
      await using service = await samples({ settings });
      expect(service.url).toBe(`unix:${path}`);
      await expect(samples({ settings })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
      expect(await statusOver(path, '/healthz')).toBe(200);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('may be a socket that a killed service left behind', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-socket-'));
    const path = join(directory, 'api.sock');
    const killed = createServer().listen(join(directory, 'first.sock'));
    try {
      await event(killed, 'listening');
      await rename(join(directory, 'first.sock'), path);
      killed.close();
      await using _service = await samples({ settings: { listen: { kind: 'socket', path } } });
      expect(await statusOver(path, '/healthz')).toBe(200);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

/** Sends the path as it is: fetch would mend it. */
async function rawGet(url: string, path: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const sent = request(url, { path, headers }).end();
  const [response] = (await event(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: Buffer.concat(await response.toArray()).toString() };
}

async function statusOver(socketPath: string, path: string): Promise<number> {
  const sent = request({ socketPath, path }).end();
  const [response] = (await event(sent, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
}

test('compilers of schemas, which no route of ours needs, take no memory', async () => {
  await using service = await samples();
  expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  expect(loaded.filter((file) => file.includes('/node_modules/fastify/'))).not.toEqual([]);
  expect(loaded.filter((file) => /\/node_modules\/(?:ajv|@fastify\/ajv-compiler)\//u.test(file))).toEqual([]);
});
