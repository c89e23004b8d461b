import { describe, expect, test } from 'vitest';
import { type AccessService, accessService, password } from '../../../test/fixtures/access-service.ts';
import { fuzz } from '../../../test/fixtures/api-fuzz.ts';
import { appCode } from '../../../test/fixtures/authenticator-app.ts';
import { Browser } from '../../../test/fixtures/http-browser.ts';
import type { Role } from '../../domain/principal.ts';
import { createUser } from '../../operations/accounts.ts';

async function json(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

async function codeIn(response: Response): Promise<unknown> {
  return (await json(response))['code'];
}

async function auditOf({ state }: AccessService) {
  const entries = await state.audit.entries({ limit: 100 });
  return entries.toReversed().map(({ actor, act, target, result }) => [actor, act, target, result]);
}

describe('the first start', () => {
  test('nothing is open until the link created the administrator; it works once', async () => {
    await using service = await accessService();
    const browser = new Browser(service.url);
    expect(await json(await browser.fetch('GET', '/api/v1/session/options'))).toMatchObject({ setup: true, passwords: true, oidc: null });
    expect((await browser.fetch('GET', '/api/v1/me')).status).toBe(401);
    const old = await service.setupToken();
    const token = await service.setupToken();
    const setUp = (given: string) => browser.fetch('POST', '/api/v1/setup', { token: given, name: 'Ada', password });
    expect((await setUp(old)).status).toBe(401);
    expect((await setUp('x'.repeat(43))).status).toBe(401);
    expect((await setUp(token)).status).toBe(204);
    await browser.learnCsrf();
    expect(await json(await browser.fetch('GET', '/api/v1/me'))).toMatchObject({ name: 'Ada', kind: 'user', role: 'administrator' });
    const second = await new Browser(service.url).fetch('POST', '/api/v1/setup', { token, name: 'Eve', password });
    expect([second.status, await codeIn(second)]).toEqual([409, 'USAGE']);
    expect(await service.setupToken()).toBe('');
    expect(await auditOf(service)).toEqual([
      ['Ada', 'sign-in', 'Ada', 'refused'],
      ['Ada', 'sign-in', 'Ada', 'refused'],
      ['Ada', 'user-create', 'Ada', 'done'],
      ['Ada', 'sign-in', 'Ada', 'done'],
    ]);
  });

  test('two who open the link at the same moment make one administrator', async () => {
    await using service = await accessService();
    const token = await service.setupToken();
    const answers = await Promise.all(
      ['Ada', 'Eve'].map((name) => new Browser(service.url).fetch('POST', '/api/v1/setup', { token, name, password })),
    );
    expect(answers.map(({ status }) => status).filter((status) => status === 204)).toHaveLength(1);
    expect(await service.state.accounts.users()).toHaveLength(1);
  });

  test('a short password is refused, and the link stays good', async () => {
    await using service = await accessService();
    const token = await service.setupToken();
    const browser = new Browser(service.url);
    expect((await browser.fetch('POST', '/api/v1/setup', { token, name: 'Ada', password: 'short' })).status).toBe(400);
    expect((await browser.fetch('POST', '/api/v1/setup', { token, name: 'Ada', password })).status).toBe(204);
  });
});

describe('signing in with a password', () => {
  test('wrong names and passwords get one answer, and nothing is set', async () => {
    await using service = await accessService();
    await createUser(service.access, { name: 'Ada', role: 'viewer', password });
    const browser = new Browser(service.url);
    const answers = [
      await browser.fetch('POST', '/api/v1/session', { name: 'Ada', password: 'wrong password' }),
      await browser.fetch('POST', '/api/v1/session', { name: 'Bob', password }),
    ];
    const told = await Promise.all(answers.map(json));
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect(told[0]).toEqual(told[1]);
    expect(browser.cookie).toBe('');
    expect(await auditOf(service)).toEqual([
      ['Ada', 'sign-in', 'Ada', 'refused'],
      ['Bob', 'sign-in', 'Bob', 'refused'],
    ]);
    expect(JSON.stringify([await service.state.audit.entries({ limit: 9 }), service.log])).not.toContain('wrong password');
  });

  test('each sign-in is another session, and signing out ends its own', async () => {
    await using service = await accessService();
    const first = await service.signedIn('Ada', 'viewer');
    const second = new Browser(service.url);
    expect(await second.signIn({ name: 'ada', password })).toBe(204);
    expect(second.cookie).not.toBe(first.cookie);
    const stolen = first.cookie;
    expect((await first.fetch('DELETE', '/api/v1/session')).status).toBe(204);
    expect(first.cookie).toBe('');
    first.cookie = stolen;
    expect((await first.fetch('GET', '/api/v1/me')).status).toBe(401);
    expect((await second.fetch('GET', '/api/v1/me')).status).toBe(200);
  });

  test('an act needs the token that our pages know, and comes from our own origin', async () => {
    await using service = await accessService();
    const browser = await service.signedIn('Ada', 'viewer');
    const change = { current: password, next: 'another long password' };
    const { csrf } = browser;
    browser.csrf = null;
    expect((await browser.fetch('POST', '/api/v1/me/password', change)).status).toBe(403);
    browser.csrf = csrf;
    const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    expect((await browser.fetch('POST', '/api/v1/me/password', change, foreign)).status).toBe(403);
    expect((await browser.fetch('POST', '/api/v1/me/password', change)).status).toBe(204);
  });

  test('a thousand wrong passwords: nearly all are refused unheard, and the right one is heard afterwards', async () => {
    await using service = await accessService();
    await createUser(service.access, { name: 'Ada', role: 'viewer', password });
    const statuses: number[] = [];
    for (let batch = 0; batch < 20; batch++) {
      const tries = Array.from({ length: 50 }, () => new Browser(service.url).signIn({ name: 'Ada', password: `wrong ${batch}` }));
      statuses.push(...(await Promise.all(tries)));
    }
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(statuses.filter((status) => status === 401).length).toBeLessThan(30);
    const refused = await new Browser(service.url).fetch('POST', '/api/v1/session', { name: 'Ada', password });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await service.state.accounts.clearFailures('name:ada');
    await service.state.accounts.clearFailures('address:127.0.0.1');
    expect(await new Browser(service.url).signIn({ name: 'Ada', password })).toBe(204);
  });

  test('somebody is told after twenty wrong tries of a day, for a name that somebody has', async () => {
    await using service = await accessService();
    const user = await createUser(service.access, { name: 'Ada', role: 'viewer', password });
    const earlier = new Date(Date.now() - 3_600_000);
    for (const name of ['ada', 'nobody']) {
      for (let wrong = 0; wrong < 19; wrong++) await service.state.accounts.recordFailure(`name:${name}`, earlier);
      expect(await new Browser(service.url).signIn({ name, password: 'wrong' })).toBe(401);
    }
    expect(service.events).toMatchObject([{ kind: 'sign-in-locked', subject: `sign-in:${user.id}` }]);
  });

  test('a disabled user is refused, in new sessions and in old ones', async () => {
    await using service = await accessService();
    const browser = await service.signedIn('Ada', 'viewer');
    const administrator = await service.signedIn('Root', 'administrator');
    const ada = await service.state.accounts.userByName('Ada');
    expect((await administrator.fetch('PATCH', `/api/v1/users/${ada?.id}`, { disabled: true })).status).toBe(200);
    expect((await browser.fetch('GET', '/api/v1/me')).status).toBe(401);
    expect(await new Browser(service.url).signIn({ name: 'Ada', password })).toBe(401);
    expect((await administrator.fetch('PATCH', `/api/v1/users/${ada?.id}`, { disabled: false })).status).toBe(200);
    expect(await new Browser(service.url).signIn({ name: 'Ada', password })).toBe(204);
  });

  test('where passwords are switched off none is taken', async () => {
    await using service = await accessService({ passwords: false });
    await createUser(service.access, { name: 'Ada', role: 'viewer', password });
    expect(await new Browser(service.url).signIn({ name: 'Ada', password })).toBe(403);
  });
});

describe('the own account', () => {
  test('a new password ends every other session; the page that set it goes on', async () => {
    await using service = await accessService();
    const browser = await service.signedIn('Ada', 'viewer');
    const other = new Browser(service.url);
    await other.signIn({ name: 'Ada', password });
    const wrong = await browser.fetch('POST', '/api/v1/me/password', { current: 'wrong', next: 'another long password' });
    expect(wrong.status).toBe(401);
    const right = await browser.fetch('POST', '/api/v1/me/password', { current: password, next: 'another long password' });
    expect(right.status).toBe(204);
    expect((await other.fetch('GET', '/api/v1/me')).status).toBe(401);
    expect(await other.signIn({ name: 'Ada', password })).toBe(401);
    expect((await browser.fetch('POST', '/api/v1/me/totp')).status).toBe(201);
    expect(await other.signIn({ name: 'Ada', password: 'another long password' })).toBe(204);
  });

  test('one-time codes: on once one was typed, asked for then, each taken once, off with the password', async () => {
    await using service = await accessService();
    const browser = await service.signedIn('Ada', 'viewer');
    const other = new Browser(service.url);
    const { secret } = (await json(await browser.fetch('POST', '/api/v1/me/totp'))) as { secret: string };
    expect(await other.signIn({ name: 'Ada', password })).toBe(204);
    const code = appCode(secret, new Date());
    expect((await browser.fetch('PUT', '/api/v1/me/totp', { code: code === '000000' ? '000001' : '000000' })).status).toBe(401);
    expect((await browser.fetch('PUT', '/api/v1/me/totp', { code })).status).toBe(204);
    expect((await browser.fetch('POST', '/api/v1/me/totp')).status).toBe(409);
    expect((await service.state.accounts.userByName('Ada'))?.totpSecret).not.toContain(secret);

    const asked = await other.fetch('POST', '/api/v1/session', { name: 'Ada', password });
    expect([asked.status, (await json(asked))['errors']]).toEqual([401, [{ pointer: '/body/code', detail: 'is required' }]]);
    expect(await other.signIn({ name: 'Ada', password, code })).toBe(401);
    const next = appCode(secret, new Date(Date.now() + 30_000));
    const both = await Promise.all([1, 2].map(() => new Browser(service.url).signIn({ name: 'Ada', password, code: next })));
    expect(new Set(both)).toEqual(new Set([204, 401]));

    expect((await browser.fetch('DELETE', '/api/v1/me/totp', { password: 'wrong' })).status).toBe(401);
    expect((await browser.fetch('DELETE', '/api/v1/me/totp', { password })).status).toBe(204);
    expect(await other.signIn({ name: 'Ada', password })).toBe(204);
  });

  test('a token is nobody’s account', async () => {
    await using service = await accessService();
    const headers = await service.as('administrator');
    const asToken = new Browser(service.url, headers);
    expect(await json(await asToken.fetch('GET', '/api/v1/me'))).toMatchObject({ kind: 'token', role: 'administrator', csrf: null });
    expect((await asToken.fetch('POST', '/api/v1/me/totp')).status).toBe(403);
    expect((await asToken.fetch('DELETE', '/api/v1/session')).status).toBe(403);
  });
});

describe('people', () => {
  test('an administrator makes, changes and removes users; no secret is shown', async () => {
    await using service = await accessService();
    const browser = await service.signedIn('Ada', 'administrator');
    const created = await browser.fetch('POST', '/api/v1/users', { name: 'Bob', role: 'viewer', password });
    const bob = (await json(created)) as { id: string };
    expect([created.status, bob]).toEqual([201, expect.objectContaining({ name: 'Bob', role: 'viewer', disabled: false, oidc: false })]);
    const keyed = await browser.fetch('POST', '/api/v1/users', { name: 'Cy', role: 'viewer', password }, { 'idempotency-key': 'k' });
    expect([keyed.status, await codeIn(keyed)]).toEqual([400, 'REQUEST_INVALID']);
    const again = await browser.fetch('POST', '/api/v1/users', { name: 'bob', role: 'viewer', password });
    expect([again.status, await codeIn(again)]).toEqual([409, 'USER_EXISTS']);
    const changed = await browser.fetch('PATCH', `/api/v1/users/${bob.id}`, { role: 'operator', password: 'another long password' });
    expect([changed.status, await json(changed)]).toMatchObject([200, { role: 'operator' }]);
    expect(await new Browser(service.url).signIn({ name: 'Bob', password: 'another long password' })).toBe(204);
    const listed = await (await browser.fetch('GET', '/api/v1/users')).text();
    expect(listed).toContain('Bob');
    expect(listed).not.toContain('argon2');
    expect((await browser.fetch('DELETE', `/api/v1/users/${bob.id}`)).status).toBe(204);
    expect((await browser.fetch('DELETE', `/api/v1/users/${bob.id}`)).status).toBe(404);
    const audit = await service.state.audit.entries({ limit: 100 });
    expect(JSON.stringify(audit)).not.toContain('another long password');
    expect(audit.map(({ act }) => act).toReversed()).toEqual(
      expect.arrayContaining(['user-create', 'user-change', 'sign-in', 'user-delete']),
    );
  });

  test('a password that an administrator sets shuts out whoever had the account: passkeys, codes and sessions are gone', async () => {
    await using service = await accessService();
    const { accounts } = service.state;
    const ada = await service.signedIn('Ada', 'administrator');
    const bob = await service.signedIn('Bob', 'operator');
    const { id = '' } = (await accounts.userByName('Bob')) ?? {};
    const { secret } = (await json(await bob.fetch('POST', '/api/v1/me/totp'))) as { secret: string };
    expect((await bob.fetch('PUT', '/api/v1/me/totp', { code: appCode(secret, new Date()) })).status).toBe(204);
    const key = { publicKey: new Uint8Array([1]), counter: 0, transports: [], createdAt: new Date(), usedAt: null };
    for (const credentialId of ['phone', 'laptop']) await accounts.addPasskey({ ...key, credentialId, userId: id, label: credentialId });
    const listed = (await json(await ada.fetch('GET', '/api/v1/users'))) as { items: unknown[] };
    expect(listed.items[1]).toMatchObject({ name: 'Bob', passkeys: 2, totp: true });

    const changed = await ada.fetch('PATCH', `/api/v1/users/${id}`, { password: 'another long password' });
    expect(await json(changed)).toMatchObject({ name: 'Bob', passkeys: 0, totp: false, role: 'operator' });
    expect([await accounts.passkeysOf(id), (await bob.fetch('GET', '/api/v1/me')).status]).toEqual([[], 401]);
    expect(await new Browser(service.url).signIn({ name: 'Bob', password: 'another long password' })).toBe(204);
    const [entry] = await service.state.audit.entries({ limit: 1, act: 'user-change' });
    expect(entry).toMatchObject({ target: 'Bob', details: { password: 'changed', removed: { passkeys: 2, oneTimeCodes: true } } });
  });

  test('the last administrator stays one, also when two remove each other at once', async () => {
    await using service = await accessService();
    const ada = await service.signedIn('Ada', 'administrator');
    const ids = async () => Object.fromEntries((await service.state.accounts.users()).map(({ name, id }) => [name, id]));
    const { Ada } = await ids();
    for (const body of [{ role: 'operator' }, { disabled: true }])
      expect((await ada.fetch('PATCH', `/api/v1/users/${Ada}`, body)).status).toBe(409);
    expect((await ada.fetch('DELETE', `/api/v1/users/${Ada}`)).status).toBe(409);
    const bob = await service.signedIn('Bob', 'administrator');
    const { Bob } = await ids();
    const both = await Promise.all([ada.fetch('DELETE', `/api/v1/users/${Bob}`), bob.fetch('DELETE', `/api/v1/users/${Ada}`)]);
    expect(both.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(await service.state.accounts.users()).toHaveLength(1);
  });

  test.each(['viewer', 'operator'] as const)('the role %s may see and change none of it', async (role) => {
    await using service = await accessService();
    const browser = await service.signedIn('Ada', role);
    for (const path of ['/api/v1/users', '/api/v1/tokens', '/api/v1/audit']) expect((await browser.fetch('GET', path)).status).toBe(403);
    const refused = await browser.fetch('POST', '/api/v1/users', { name: 'Eve', role: 'administrator', password });
    expect(refused.status).toBe(403);
    expect(await auditOf(service)).toContainEqual(['Ada', 'user-create', '/api/v1/users', 'refused']);
  });
});

describe('tokens', () => {
  test('a token is shown once, works, is listed without it, and is refused once revoked', async () => {
    await using service = await accessService();
    const browser = await service.signedIn('Ada', 'administrator');
    const made = await browser.fetch('POST', '/api/v1/tokens', { name: 'ci', role: 'viewer', expiresAt: '2099-01-01T00:00:00Z' });
    const { token, id } = (await json(made)) as { token: string; id: string };
    expect([made.status, made.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const program = new Browser(service.url, { authorization: `Bearer ${token}` });
    expect(await json(await program.fetch('GET', '/api/v1/me'))).toMatchObject({ name: 'ci', role: 'viewer' });
    const listed = await (await browser.fetch('GET', '/api/v1/tokens')).text();
    expect(listed).toContain(id);
    expect(listed).not.toContain(token);
    expect((await browser.fetch('DELETE', `/api/v1/tokens/${id}`)).status).toBe(204);
    expect((await program.fetch('GET', '/api/v1/me')).status).toBe(401);
    expect((await browser.fetch('DELETE', `/api/v1/tokens/${id}`)).status).toBe(404);
    expect(JSON.stringify(await service.state.audit.entries({ limit: 9 }))).not.toContain(token);
  });

  test('a token that makes no sense is not made', async () => {
    await using service = await accessService();
    const browser = await service.signedIn('Ada', 'administrator');
    const make = (wish: object) => browser.fetch('POST', '/api/v1/tokens', { name: 'ci', role: 'viewer', ...wish });
    expect((await make({ expiresAt: '2020-01-01T00:00:00Z' })).status).toBe(400);
    expect((await make({ plans: ['unknown'] })).status).toBe(404);
    expect((await make({ role: 'root' })).status).toBe(400);
    expect(await service.state.accounts.tokens()).toEqual([]);
  });

  test('a token that is bound to plans cannot make itself more leave', async () => {
    await using service = await accessService();
    const bound = new Browser(service.url, await service.as('administrator', ['home']));
    expect((await bound.fetch('POST', '/api/v1/tokens', { name: 'all', role: 'administrator' })).status).toBe(403);
    expect((await bound.fetch('POST', '/api/v1/users', { name: 'Eve', role: 'administrator', password })).status).toBe(403);
    for (const path of ['/api/v1/users', '/api/v1/tokens', '/api/v1/audit']) expect((await bound.fetch('GET', path)).status).toBe(403);
  });
});

test('the audit comes in pages, by actor and act', async () => {
  await using service = await accessService();
  const browser = await service.signedIn('Ada', 'administrator');
  for (let index = 0; index < 5; index++) await new Browser(service.url).signIn({ name: `nobody-${index % 2}`, password: 'wrong' });
  const pageOf = async (query: string) =>
    (await json(await browser.fetch('GET', `/api/v1/audit?${query}`))) as { items: { actor: string }[]; next: string | null };
  const first = await pageOf('limit=4');
  const second = await pageOf(`limit=4&before=${first.next}`);
  expect([first.items.length, second.items.length, second.next]).toEqual([4, 2, null]);
  expect((await pageOf('actor=nobody-1')).items.map(({ actor }) => actor)).toEqual(['nobody-1', 'nobody-1']);
  expect((await pageOf('act=user-create')).items).toEqual([]);
  expect((await browser.fetch('GET', '/api/v1/audit?before=nonsense')).status).toBe(400);
});

test('nothing that people who are signed in send makes the service fail, or is answered otherwise than promised', async () => {
  await using service = await accessService();
  const cookiesOf = async (name: string, role: Role) => {
    const { cookie, csrf } = await service.signedIn(name, role);
    return { cookie, 'x-csrf-token': csrf ?? '' };
  };
  const viewer = await cookiesOf('Bob', 'viewer');
  const callers = {
    public: {},
    viewer,
    operator: await cookiesOf('Eve', 'operator'),
    administrator: await cookiesOf('Ada', 'administrator'),
  };
  const known = { id: (await service.state.accounts.users()).map(({ id }) => id) };
  const forPeople = ['beginSingleSignOn', 'finishSingleSignOn'];
  const { faults, statuses } = await fuzz({ url: service.url, callers, known, count: 4, seed: 20_261_121, forPeople });
  expect(faults).toEqual([]);
  expect(Object.keys(statuses)).toEqual(expect.arrayContaining(['200', '201', '204', '400', '401', '403', '404', '409']));
});
