import { expect, it } from 'vitest';
import { accessService, password } from '../../../test/fixtures/access-service.ts';
import { Browser } from '../../../test/fixtures/http-browser.ts';
import { openIdentityProvider } from '../../../test/fixtures/identity-provider.ts';
import type { OidcSettings } from '../../domain/service-settings.ts';
import { Secret } from '../../domain/secret.ts';
import { createUser } from '../../operations/accounts.ts';
import { roleOf, whyOf } from './oidc.ts';

async function signOnService(settings: Partial<OidcSettings> = {}, options: { readonly claimsInIdToken?: boolean } = {}) {
  const provider = await openIdentityProvider(options);
  const { issuer, clientId, clientSecret } = provider;
  const service = await accessService({
    oidc: {
      issuer,
      clientId,
      clientSecret: new Secret(clientSecret, 'test'),
      scopes: ['openid', 'profile'],
      claim: 'roles',
      roleOf: { 'backup-admins': 'administrator', 'backup-watchers': 'viewer' },
      defaultRole: null,
      buttonLabel: 'Sign in with Example',
      ...settings,
    },
  });
  provider.serve(`${service.url}/api/v1/session/oidc/callback`);
  return {
    ...service,
    provider,
    /** The whole way through, in a browser; the answer is the last reply. */
    async signOn(account: string, browser = new Browser(service.url)): Promise<Response> {
      const begun = await browser.fetch('GET', '/api/v1/session/oidc');
      const back = await provider.signIn(account, begun.headers.get('location') ?? '');
      return browser.fetch('GET', back.href);
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

it.each([[true], [false]])(
  'a person comes in with the role that the provider gives (claims in the ID token: %s)',
  async (claimsInIdToken) => {
    await using service = await signOnService({}, { claimsInIdToken });
    service.provider.know('u1', { preferred_username: 'ada@example.org', roles: ['other', 'backup-watchers', 'backup-admins'] });
    const browser = new Browser(service.url);
    const reply = await service.signOn('u1', browser);
    expect([reply.status, reply.headers.get('location')]).toEqual([302, '/']);
    const me = await (await browser.fetch('GET', '/api/v1/me')).json();
    expect(me).toMatchObject({ name: 'ada@example.org', kind: 'user', role: 'administrator' });
    const [user] = await service.state.accounts.users();
    expect(user).toMatchObject({ oidc: { issuer: service.provider.issuer, subject: 'u1' }, hasPassword: false });
  },
);

it('the role is that of the last sign-in, and the user the same under another name', async () => {
  await using service = await signOnService();
  await createUser(service.access, { name: 'zoe', role: 'administrator', password });
  service.provider.know('u1', { preferred_username: 'ada', roles: 'backup-admins' });
  await service.signOn('u1');
  service.provider.know('u1', { preferred_username: 'countess', roles: ['backup-watchers'] });
  await service.signOn('u1');
  expect(await service.state.accounts.users()).toMatchObject([{ name: 'ada', role: 'viewer' }, { name: 'zoe' }]);
  const [, changed] = await service.state.audit.entries({ limit: 2 });
  expect(changed).toMatchObject({ act: 'user-change', target: 'ada', result: 'done', details: { role: 'viewer', how: 'oidc' } });
});

it('the last administrator keeps the role that the provider takes away, which is told', async () => {
  await using service = await signOnService();
  service.provider.know('u1', { preferred_username: 'ada', roles: 'backup-admins' });
  await service.signOn('u1');
  service.provider.know('u1', { preferred_username: 'ada', roles: ['backup-watchers'] });
  const browser = new Browser(service.url);
  expect((await service.signOn('u1', browser)).status).toBe(302);
  expect(await (await browser.fetch('GET', '/api/v1/me')).json()).toMatchObject({ name: 'ada', role: 'administrator' });
  const [, kept] = await service.state.audit.entries({ limit: 2 });
  expect(kept).toMatchObject({ act: 'user-change', target: 'ada', result: 'refused', details: { role: 'viewer', how: 'oidc' } });
});

it('who has no role is told so on a page, in words, and is no user', async () => {
  await using service = await signOnService();
  service.provider.know('u1', { preferred_username: '<script>', roles: ['other'] });
  const reply = await service.signOn('u1');
  const page = await reply.text();
  expect([reply.status, reply.headers.get('content-type')]).toEqual([403, 'text/html; charset=utf-8']);
  expect(page).toContain('&lt;script&gt;');
  expect(page).not.toContain('<script>');
  expect(await service.state.accounts.users()).toEqual([]);
  expect(await service.state.audit.entries({ limit: 9 })).toMatchObject([{ act: 'sign-in', result: 'refused', details: { how: 'oidc' } }]);
});

it('a default role lets everybody in whom the provider knows', async () => {
  await using service = await signOnService({ defaultRole: 'viewer' });
  expect((await service.signOn('u1')).status).toBe(302);
  expect(await service.state.accounts.users()).toMatchObject([{ name: 'u1', role: 'viewer' }]);
});

it('a name that a user with a password has leads to another user', async () => {
  await using service = await signOnService();
  await createUser(service.access, { name: 'Ada', role: 'administrator', password });
  service.provider.know('u1', { preferred_username: 'ada', roles: ['backup-watchers'] });
  expect((await service.signOn('u1')).status).toBe(302);
  const users = await service.state.accounts.users();
  expect(users.map(({ name, role }) => [name, role])).toEqual([
    ['Ada', 'administrator'],
    [`ada (${new URL(service.provider.issuer).host})`, 'viewer'],
  ]);
});

it('a disabled user is refused', async () => {
  await using service = await signOnService({ defaultRole: 'viewer' });
  await service.signOn('u1');
  const [user] = await service.state.accounts.users();
  await service.state.accounts.updateUser(user?.id ?? '', { disabledAt: new Date() });
  expect((await service.signOn('u1')).status).toBe(403);
});

it('an answer that another browser asked for, that was changed, or that was used is refused', async () => {
  await using service = await signOnService({ defaultRole: 'viewer' });
  const browser = new Browser(service.url);
  const begin = async () => (await browser.fetch('GET', '/api/v1/session/oidc')).headers.get('location') ?? '';
  const back = await service.provider.signIn('u1', await begin());
  expect((await new Browser(service.url).fetch('GET', back.href)).status).toBe(401);

  const forged = new Browser(service.url);
  forged.cookie = `holdfast-oidc=${'A'.repeat(200)}`;
  expect((await forged.fetch('GET', back.href)).status).toBe(401);

  const changed = new URL(back);
  changed.searchParams.set('state', 'another');
  expect((await browser.fetch('GET', changed.href)).status).toBe(401);
  expect((await browser.fetch('GET', '/api/v1/session/oidc/callback?error=access_denied')).status).toBe(401);
  expect(await service.state.accounts.users()).toEqual([]);

  expect((await browser.fetch('GET', back.href)).status).toBe(302);
  expect((await browser.fetch('GET', back.href)).status).toBe(401);
});

it('a provider that does not answer is told as such, and asked again the next time', async () => {
  await using service = await signOnService();
  await service.provider[Symbol.asyncDispose]();
  for (let time = 0; time < 2; time++) {
    const reply = await new Browser(service.url).fetch('GET', '/api/v1/session/oidc');
    expect([reply.status, await reply.text()]).toEqual([502, expect.stringContaining(service.provider.issuer)]);
  }
});

it('without a provider there is none', async () => {
  await using service = await accessService();
  expect((await new Browser(service.url).fetch('GET', '/api/v1/session/oidc')).status).toBe(404);
});

it.each([
  ['the highest role of several', ['v', 'a', 'o'], 'administrator'],
  ['a claim that is one text', 'o', 'operator'],
  ['no rule', ['x'], null],
  ['names of the language itself', ['constructor', '__proto__'], null],
  ['a claim of another form', { v: true }, null],
  ['no claim', undefined, null],
])('roles: %s', (_, claim, role) => {
  const rules = { v: 'viewer', o: 'operator', a: 'administrator' } as const;
  expect(roleOf(claim, { roleOf: rules, defaultRole: null })).toBe(role);
  expect(roleOf(claim, { roleOf: rules, defaultRole: 'viewer' })).toBe(role ?? 'viewer');
});

it('the log says why a sign-on was refused, and holds nothing of what the provider sent', () => {
  const inner = new Error('unsupported "token_type"', { cause: { body: { access_token: 'very-secret' } } });
  const outer = Object.assign(new Error('it does not fit', { cause: inner }), { error: 'invalid_client', body: 'very-secret' });
  expect(whyOf(outer)).toBe('it does not fit (invalid_client): unsupported "token_type"');
  expect(whyOf('very-secret')).toBe('');
});
