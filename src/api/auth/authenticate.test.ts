import { expect, it } from 'vitest';
import { expectCode } from '../../../test/contracts/object-store.ts';
import { openTestAccess, type TestAccess } from '../../../test/fixtures/access-context.ts';
import { createUser, issueToken, revokeToken } from '../../operations/accounts.ts';
import { openAuthenticate } from './authenticate.ts';
import type { CookieScope } from './cookies.ts';
import { closedSession, csrfToken, openSession, sessionToken } from './session.ts';

const hour = 3_600_000;

function asking(access: TestAccess) {
  const authenticate = openAuthenticate(access);
  return (headers: Readonly<Record<string, string>>, method = 'GET', at: CookieScope = visit) =>
    authenticate({ method, header: (name) => headers[name], origin: at.origin, base: at.base });
}

const visit = { address: '192.0.2.1', origin: 'http://holdfast.test', base: '', header: () => 'Firefox' };

async function signedIn(access: TestAccess) {
  const user = await createUser(access, { name: 'Ada', role: 'operator', password: 'correct horse battery' });
  const cookie = (await openSession(access, user, visit)).split(';', 1)[0] ?? '';
  return { user, cookie, csrf: csrfToken(sessionToken({ ...visit, header: () => cookie }) ?? '') };
}

it('a token acts with its role and for its plans, until it expires', async () => {
  await using access = await openTestAccess();
  const ask = asking(access);
  const expiresAt = new Date(access.clock.now().getTime() + hour);
  const wish = { name: 'ci', role: 'viewer', plans: ['home'], expiresAt, createdBy: 'Ada' } as const;
  const { token, id } = await issueToken(access, wish);
  expect(token).toMatch(/^hft_[\w-]{43}$/u);
  const principal = { kind: 'token', id, name: 'ci', role: 'viewer', plans: ['home'] };
  expect(await ask({ authorization: `Bearer ${token}` })).toEqual(principal);
  expect(await ask({ authorization: `bearer ${token}` }, 'POST')).toEqual(principal);
  expect((await access.state.accounts.tokens())[0]?.usedAt).toEqual(access.clock.now());
  access.pass(hour);
  await expectCode('UNAUTHENTICATED', ask({ authorization: `Bearer ${token}` }));
});

it('a revoked token is refused at once', async () => {
  await using access = await openTestAccess();
  const ask = asking(access);
  const { token, id } = await issueToken(access, { name: 'ci', role: 'viewer', plans: null, expiresAt: null, createdBy: 'Ada' });
  expect(await ask({ authorization: `Bearer ${token}` })).toMatchObject({ id });
  await revokeToken(access, id);
  await expectCode('UNAUTHENTICATED', ask({ authorization: `Bearer ${token}` }));
  await expectCode('TOKEN_UNKNOWN', revokeToken(access, id));
});

it.each(['Bearer', 'Bearer ', 'Bearer hft_x', 'Basic YWRhOng=', 'Bearer a b', ''])(
  'the header %j is refused, also beside a good cookie',
  async (authorization) => {
    await using access = await openTestAccess();
    const { cookie } = await signedIn(access);
    await expectCode('UNAUTHENTICATED', asking(access)({ authorization, cookie }));
  },
);

it('a cookie acts as its user; an act needs what only our pages know', async () => {
  await using access = await openTestAccess();
  const ask = asking(access);
  const { user, cookie, csrf } = await signedIn(access);
  const principal = { kind: 'user', id: user.id, name: 'Ada', role: 'operator' };
  expect(await ask({ cookie })).toMatchObject(principal);
  expect(await ask({ cookie: `other=1; ${cookie}; more=2` })).toMatchObject(principal);
  expect(await ask({ cookie, 'x-csrf-token': csrf }, 'POST')).toMatchObject(principal);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) await expectCode('FORBIDDEN', ask({ cookie }, method));
  await expectCode('FORBIDDEN', ask({ cookie, 'x-csrf-token': csrfToken('another') }, 'POST'));
  await expectCode('FORBIDDEN', ask({ cookie, 'x-csrf-token': '' }, 'POST'));
});

it('a forged cookie is nobody', async () => {
  await using access = await openTestAccess();
  const { cookie } = await signedIn(access);
  const forged = [`${cookie}x`, cookie.slice(0, -1), 'holdfast=', 'holdfast', `x${cookie}`, '__Host-holdfast=1', ''];
  for (const given of forged) expect(await asking(access)({ cookie: given })).toBeNull();
  expect(await asking(access)({})).toBeNull();
});

it('a session ends when it was idle for a day, when its time is over, and with its user', async () => {
  await using access = await openTestAccess({ sessionHours: 48 });
  const ask = asking(access);
  const { user, cookie } = await signedIn(access);
  access.pass(23 * hour);
  expect(await ask({ cookie })).not.toBeNull();
  access.pass(23 * hour);
  expect(await ask({ cookie })).not.toBeNull();
  access.pass(2 * hour);
  expect(await ask({ cookie })).toBeNull();

  const second = (await openSession(access, user, visit)).split(';', 1)[0] ?? '';
  access.pass(24 * hour + 1);
  expect(await ask({ cookie: second })).toBeNull();

  const third = (await openSession(access, user, visit)).split(';', 1)[0] ?? '';
  await access.state.accounts.updateUser(user.id, { disabledAt: access.clock.now() });
  expect(await ask({ cookie: third })).toBeNull();
});

it.each([
  ['http://holdfast.test', '', 'holdfast', '/', false],
  ['https://holdfast.test', '', '__Host-holdfast', '/', true],
  ['https://holdfast.test', '/backup', '__Secure-holdfast', '/backup/', true],
])('the cookie for %s%s is %s', async (origin, base, name, path, isSecure) => {
  await using access = await openTestAccess();
  const user = await createUser(access, { name: 'Ada', role: 'viewer', password: 'correct horse battery' });
  const [pair = '', ...attributes] = (await openSession(access, user, { ...visit, origin, base })).split('; ');
  expect(pair.split('=', 1)).toEqual([name]);
  const expected = ['HttpOnly', 'SameSite=Lax', `Path=${path}`, `Max-Age=${168 * 3600}`, ...(isSecure ? ['Secure'] : [])];
  expect(attributes).toEqual(expected);
  expect(closedSession({ origin, base })).toContain(`${name}=; `);
  expect(closedSession({ origin, base })).toContain('Max-Age=0');
});

it('over https a cookie counts under the name that only the service itself can set', async () => {
  await using access = await openTestAccess();
  const { user, cookie } = await signedIn(access);
  const ask = asking(access);
  const [whole, below] = [
    { origin: 'https://holdfast.test', base: '' },
    { origin: 'https://holdfast.test', base: '/backup' },
  ];
  for (const at of [whole, below]) {
    const value = (await openSession(access, user, { ...visit, ...at })).split(';', 1)[0]?.split('=')[1] ?? '';
    const prefix = at === whole ? '__Host-' : '__Secure-';
    const other = at === whole ? '__Secure-' : '__Host-';
    expect(await ask({ cookie: `${cookie}; ${prefix}holdfast=${value}` }, 'GET', at)).toMatchObject({ name: 'Ada' });
    for (const planted of [cookie, `holdfast=${value}`, `${other}holdfast=${value}`])
      expect(await ask({ cookie: planted }, 'GET', at)).toBeNull();
  }
});
