import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser as Chromium, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accessService } from '../fixtures/access-service.ts';
import { noBrowser, openBrowser } from '../fixtures/chromium.ts';
import { Browser } from '../fixtures/http-browser.ts';
import { filesIn, install, type Installation } from './holdfast.ts';
import { serve } from './service.ts';

let shared: Chromium | undefined;
beforeAll(async () => {
  if (noBrowser === null) shared = await openBrowser();
});
afterAll(() => shared?.close());

/** A page of the service in a browser of its own, whose device keeps passkeys and whose owner agrees to everything. */
async function pageOf(url: string) {
  if (shared === undefined) throw new Error('there is no browser');
  const context = await shared.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/healthz`);
  const device = await context.newCDPSession(page);
  await device.send('WebAuthn.enable');
  const { authenticatorId } = await device.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
  });
  return { page, device, authenticatorId, [Symbol.asyncDispose]: () => context.close() };
}

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends a request as a page of the service does. */
function send(page: Page, request: { readonly method: string; readonly path: string; readonly body?: unknown; readonly csrf?: unknown }) {
  return page.evaluate<Reply>(`(async ({ method, path, body, csrf }) => {
    const headers = { ...(body && { 'content-type': 'application/json' }), ...(csrf && { 'x-csrf-token': csrf }) };
    const response = await fetch(path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  })(${JSON.stringify(request)})`);
}

/** Has the browser ask its authenticators, and answers with what is sent to the service. */
function askDevice(page: Page, what: 'create' | 'get', options: unknown): Promise<Record<string, unknown>> {
  const parse = what === 'create' ? 'parseCreationOptionsFromJSON' : 'parseRequestOptionsFromJSON';
  return page.evaluate(`(async () => {
    const publicKey = PublicKeyCredential.${parse}(${JSON.stringify(options)});
    return (await navigator.credentials.${what}({ publicKey })).toJSON();
  })()`);
}

async function csrfOf(page: Page): Promise<unknown> {
  return (await send(page, { method: 'GET', path: '/api/v1/me' })).body['csrf'];
}

async function addPasskey(page: Page, label: string): Promise<Reply> {
  const csrf = await csrfOf(page);
  const options = await send(page, { method: 'POST', path: '/api/v1/me/passkeys/options', csrf });
  const response = await askDevice(page, 'create', options.body);
  return send(page, { method: 'POST', path: '/api/v1/me/passkeys', body: { label, response }, csrf });
}

async function signInWithPasskey(page: Page): Promise<number> {
  const options = await send(page, { method: 'POST', path: '/api/v1/session/passkey/options' });
  const body = await askDevice(page, 'get', options.body);
  return (await send(page, { method: 'POST', path: '/api/v1/session/passkey', body })).status;
}

async function localService() {
  const service = await accessService();
  return { ...service, local: service.url.replace('127.0.0.1', 'localhost') };
}

it.skipIf(noBrowser !== null)(
  'the administrator is created with the link, adds a passkey, and signs in with it alone from then on',
  async () => {
    await using service = await localService();
    await using device = await pageOf(service.local);
    const { page } = device;
    const setup = { token: await service.setupToken(), name: 'Ada', password: 'correct horse battery' };
    expect((await send(page, { method: 'POST', path: '/api/v1/setup', body: setup })).status).toBe(204);
    const added = await addPasskey(page, 'this laptop');
    expect([added.status, added.body]).toMatchObject([201, { label: 'this laptop', usedAt: null }]);
    expect((await send(page, { method: 'DELETE', path: '/api/v1/session', csrf: await csrfOf(page) })).status).toBe(204);
    expect((await send(page, { method: 'GET', path: '/api/v1/me' })).status).toBe(401);

    expect(await signInWithPasskey(page)).toBe(204);
    const me = await send(page, { method: 'GET', path: '/api/v1/me' });
    expect(me.body).toMatchObject({ name: 'Ada', role: 'administrator', passkeys: [{ label: 'this laptop', usedAt: expect.any(String) }] });
    expect(await page.evaluate('document.cookie')).toBe('');
    expect(await service.state.audit.entries({ limit: 1 })).toMatchObject([{ actor: 'Ada', act: 'sign-in', details: { how: 'passkey' } }]);
  },
);

it.skipIf(noBrowser !== null)('an answer is taken once, from the own origin, and no more once the passkey is removed', async () => {
  await using service = await localService();
  await using device = await pageOf(service.local);
  const { page } = device;
  const setup = { token: await service.setupToken(), name: 'Ada', password: 'correct horse battery' };
  await send(page, { method: 'POST', path: '/api/v1/setup', body: setup });
  const { id } = (await addPasskey(page, 'phone')).body;
  const options = await send(page, { method: 'POST', path: '/api/v1/session/passkey/options' });
  const answer = await askDevice(page, 'get', options.body);
  const sendFrom = (origin: string) => new Browser(origin).fetch('POST', '/api/v1/session/passkey', answer);
  expect((await sendFrom(service.url)).status).toBe(401);
  expect((await sendFrom(service.local)).status).toBe(204);
  expect((await sendFrom(service.local)).status).toBe(401);

  const csrf = await csrfOf(page);
  expect((await send(page, { method: 'DELETE', path: `/api/v1/me/passkeys/${String(id)}`, csrf })).status).toBe(204);
  expect((await send(page, { method: 'DELETE', path: `/api/v1/me/passkeys/${String(id)}`, csrf })).status).toBe(404);
  expect(await signInWithPasskey(page)).toBe(401);
});

it.skipIf(noBrowser !== null)('a device that does not ask who is there is refused', async () => {
  await using service = await localService();
  await using device = await pageOf(service.local);
  const { page } = device;
  const setup = { token: await service.setupToken(), name: 'Ada', password: 'correct horse battery' };
  await send(page, { method: 'POST', path: '/api/v1/setup', body: setup });
  await verifyNobody(device.device, device.authenticatorId);
  await expect(addPasskey(page, 'key')).rejects.toThrow('NotAllowedError');
  expect(await service.state.accounts.passkeysOf((await service.state.accounts.users())[0]?.id ?? '')).toEqual([]);
});

function verifyNobody(device: CDPSession, authenticatorId: string): Promise<unknown> {
  return device.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
}

async function withPlan(): Promise<Installation> {
  const machine = await install();
  const photos = join(machine.directory, 'photos');
  await mkdir(photos);
  await writeFile(join(photos, 'cat.jpg'), 'meow');
  const home = `{ sources: [{ kind: files, paths: [${photos}] }], stores: [{ kind: local, path: ../store }] }`;
  await machine.configure(`plans: { home: ${home} }`);
  return machine;
}

it('holdfast serve prints a link, and is open to nobody else; what was given lasts through a restart', async () => {
  await using machine = await withPlan();
  const credentials = { name: 'Ada', password: 'correct horse battery' };
  const session = await (async () => {
    await using service = await serve(machine);
    const [, link = ''] = await service.process.untilSaid(/Create the administrator: (http\S+\/setup#[\w-]+)/);
    expect(new URL(link).origin).toBe(service.url);
    const browser = new Browser(service.url);
    for (const path of ['/api/v1/status', '/backups', '/metrics', '/api/v1/config'])
      expect((await browser.fetch('GET', path)).status).toBe(401);
    const token = new URL(link).hash.slice(1);
    expect((await browser.fetch('POST', '/api/v1/setup', { token, ...credentials })).status).toBe(204);
    expect((await browser.fetch('GET', '/backups')).status).toBe(200);
    return browser.cookie;
  })();

  await using again = await serve(machine);
  const browser = new Browser(again.url);
  browser.cookie = session;
  expect(await (await browser.fetch('GET', '/api/v1/me')).json()).toMatchObject({ name: 'Ada', role: 'administrator' });
  again.process.kill('SIGTERM');
  const { stderr } = await again.process.ended;
  expect(stderr).not.toContain('Create the administrator');
  for (const file of (await filesIn(machine.dataDirectory)).filter((name) => name.startsWith('service.')))
    expect(await readFile(join(machine.dataDirectory, file), 'latin1')).not.toContain(session.split('=')[1]);
});

it('tokens and users that are made beside a running service are good at once, and revoked ones are not', async () => {
  await using machine = await withPlan();
  await using service = await serve(machine);
  const made = await machine.json<{ token: string; id: string }>(['token', 'create', '--role', 'viewer']);
  const program = new Browser(service.url, { authorization: `Bearer ${made.token}` });
  expect((await program.fetch('GET', '/api/v1/status')).status).toBe(200);
  expect((await program.fetch('POST', '/api/v1/plans/home/backups', {})).status).toBe(403);
  await machine.json(['token', 'revoke', made.id]);
  expect((await program.fetch('GET', '/api/v1/status')).status).toBe(401);

  const wrapper = ['sh', '-c', `echo 'correct horse battery' | "$0" "$@"`];
  await machine.json(['user', 'create', 'Bob', '--role', 'administrator'], { wrapper });
  const browser = new Browser(service.url);
  expect(await browser.signIn({ name: 'Bob', password: 'correct horse battery' })).toBe(204);
  const { items } = (await (await browser.fetch('GET', '/api/v1/audit')).json()) as { items: { act: string; address: string }[] };
  expect(items.map(({ act }) => act)).toEqual(['sign-in', 'user-create', 'token-revoke', 'backup', 'token-create']);
});
