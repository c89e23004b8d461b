import { describe, expect, test } from 'vitest';
import { load, problems } from '../../test/fixtures/config/load.ts';
import { isHoldfastError } from '../domain/errors.ts';
import { configToJson, showConfig } from './show-config.ts';

const plans = 'plans: { home: { sources: [{ kind: files, paths: [/x] }], stores: [{ kind: local, path: /b }] } }\n';
const entra = { issuer: 'https://login.microsoftonline.com/t/v2.0', clientId: 'abc' };
const oidcVariables = { HOLDFAST_OIDC_ISSUER: entra.issuer, HOLDFAST_OIDC_CLIENT_ID: 'abc', HOLDFAST_OIDC_DEFAULT_ROLE: 'viewer' };

async function service(text: string, environment: Record<string, string> = {}) {
  return (await load({ files: `${plans}${text}`, environment })).service;
}

describe('settings of the service', () => {
  test('are closed by default', async () => {
    expect(await service('')).toEqual({
      listen: { kind: 'tcp', host: '127.0.0.1', port: 8000 },
      publicUrl: null,
      basePath: '',
      trustedProxies: [],
      frameAncestors: [],
      passwords: true,
      sessionHours: 168,
      metrics: 'token',
      maxRuns: 2,
      backupsPlan: null,
      logFormat: null,
      oidc: null,
    });
  });

  test('come from variables without a file', async () => {
    const environment = { BACKUP_FILES: '/x', BACKUP_DIR: '/b', HOLDFAST_LISTEN: '127.0.0.1:0', HOLDFAST_LOG_FORMAT: 'json' };
    expect((await load({ environment })).service).toMatchObject({ listen: { port: 0 }, logFormat: 'json' });
  });

  test('come from the file, and a variable wins over it', async () => {
    const text =
      'service: { listen: "unix:/run/h.sock", maxRuns: 5, metrics: public, oidc: { issuer: https://a.example, clientId: file, defaultRole: viewer } }';
    expect(await service(text)).toMatchObject({ listen: { kind: 'socket', path: '/run/h.sock' }, maxRuns: 5, metrics: 'public' });
    expect(await service(text, { HOLDFAST_LISTEN: ':9000', HOLDFAST_OIDC_CLIENT_ID: 'variable' })).toMatchObject({
      listen: { kind: 'tcp', host: '127.0.0.1', port: 9000 },
      maxRuns: 5,
      oidc: { issuer: 'https://a.example', clientId: 'variable' },
    });
  });

  test.each([
    ['publicUrl: https://b.example.org/holdfast/', { publicUrl: 'https://b.example.org/holdfast', basePath: '/holdfast' }],
    ['publicUrl: https://b.example.org', { publicUrl: 'https://b.example.org', basePath: '' }],
    ['publicUrl: https://b.example.org/holdfast, basePath: /', { basePath: '' }],
    ['basePath: /a/b/', { basePath: '/a/b' }],
    ['trustedProxies: [10.0.0.0/8, "::1", loopback]', { trustedProxies: ['10.0.0.0/8', '::1', 'loopback'] }],
    ['frameAncestors: ["https://home.example.org:8123"]', { frameAncestors: ['https://home.example.org:8123'] }],
    ['backupsPlan: home', { backupsPlan: 'home' }],
  ])('understand %s', async (text, expected) => {
    expect(await service(`service: { ${text} }`)).toMatchObject(expected);
  });

  test('name roles in one line', async () => {
    const roles = {
      ...oidcVariables,
      HOLDFAST_OIDC_ROLES: 'Backup.Admin=administrator, cn=ops=operator',
      HOLDFAST_OIDC_SCOPES: 'openid groups',
    };
    expect((await service('', roles)).oidc).toMatchObject({
      ...entra,
      roleOf: { 'Backup.Admin': 'administrator', 'cn=ops': 'operator' },
      scopes: ['openid', 'groups'],
      claim: 'roles',
      clientSecret: null,
      buttonLabel: 'Sign in with single sign-on',
    });
  });

  test('keep the secret of OIDC out of everything shown', async () => {
    const config = await load({ files: plans, environment: { ...oidcVariables, HOLDFAST_OIDC_CLIENT_SECRET: 'hunter22-hunter22' } });
    expect(config.service.oidc?.clientSecret?.reveal()).toBe('hunter22-hunter22');
    expect(`${showConfig(config)}${JSON.stringify([configToJson(config), config.service])}`).not.toContain('hunter22');
    expect(configToJson(config).service).toMatchObject({ listen: '127.0.0.1:8000', oidc: { clientId: 'abc' } });
    const files = { '/srv/app/holdfast.yaml': plans, '/run/secrets/oidc': 'hunter23\n' };
    const fromFile = await load({ files, environment: { ...oidcVariables, HOLDFAST_OIDC_CLIENT_SECRET_FILE: '/run/secrets/oidc' } });
    expect(fromFile.service.oidc?.clientSecret?.reveal()).toBe('hunter23');
    expect(fromFile.warnings).toEqual([]);
  });

  test.each<[string, Record<string, string>, ...string[]]>([
    ['service: 7', {}, 'holdfast.yaml:2:10 service: must be keys with values'],
    ['service: { lisen: x }', {}, 'holdfast.yaml:2:12 service.lisen: unknown key "lisen"; did you mean "listen"?'],
    [
      'service: { listen: "8000" }',
      {},
      'holdfast.yaml:2:20 service.listen: must be HOST:PORT, :PORT (this machine alone) or unix:/path, for example "127.0.0.1:8000"',
    ],
    [
      '',
      { HOLDFAST_LISTEN: 'localhost' },
      'HOLDFAST_LISTEN: must be HOST:PORT, :PORT (this machine alone) or unix:/path, for example "127.0.0.1:8000"',
    ],
    ['service: { backupsPlan: hom }', {}, 'holdfast.yaml:2:25 service.backupsPlan: there is no plan "hom"; did you mean "home"?'],
    ['service: { passwords: false }', {}, 'holdfast.yaml:2:23 service.passwords: lets nobody sign in: without passwords it needs "oidc"'],
    ['', { HOLDFAST_OIDC_CLIENT_ID: 'abc' }, 'HOLDFAST_OIDC_ISSUER: is not set; HOLDFAST_OIDC_CLIENT_ID needs it'],
    [
      '',
      { HOLDFAST_OIDC_ISSUER: entra.issuer, HOLDFAST_OIDC_CLIENT_ID: 'abc' },
      'HOLDFAST_OIDC_ISSUER: gives nobody a role: say in "roleOf" who may do what, or give a "defaultRole"',
    ],
    [
      '',
      { ...oidcVariables, HOLDFAST_OIDC_ISSUER: 'http://idp.example.org' },
      'HOLDFAST_OIDC_ISSUER: must be the https address of the identity provider, for example "https://login.microsoftonline.com/TENANT/v2.0"',
    ],
    [
      '',
      { ...oidcVariables, HOLDFAST_OIDC_ROLES: 'admin' },
      'HOLDFAST_OIDC_ROLES: must be pairs such as "Backup.Admin=administrator, Staff=viewer"',
    ],
    [
      '',
      { ...oidcVariables, HOLDFAST_OIDC_ROLES: 'x=admin' },
      'HOLDFAST_OIDC_ROLES: must be "viewer", "operator" or "administrator", not "admin"',
    ],
    ['', { HOLDFAST_SESSION_HOURS: '0' }, 'HOLDFAST_SESSION_HOURS: must be at least 1'],
    ['history: { url: "mysql://h/d" }', {}, 'holdfast.yaml:2:17 history.url: must begin with "postgres://"'],
  ])('refuse %s %o', async (text, environment, ...expected) => {
    expect(await problems({ files: `${plans}${text}`, environment })).toEqual(expected);
  });

  test.each([
    'trustedProxies: ["*"]',
    'trustedProxies: [0.0.0.0/0]',
    'trustedProxies: ["::/0"]',
    'trustedProxies: [10.0.0.0/33]',
    'trustedProxies: [proxy.example.org]',
    'frameAncestors: ["*"]',
    'frameAncestors: ["https://a.example; script-src *"]',
    'frameAncestors: ["https://a.example/path"]',
    'basePath: holdfast',
    'basePath: /a/../b',
    'basePath: "/a;b"',
    'basePath: //evil.example',
    'publicUrl: ftp://b.example.org',
    'publicUrl: "https://user:pw@b.example.org"',
    'publicUrl: "https://b.example.org/?x"',
    'maxRuns: 0',
  ])('refuse what would open a door: %s', async (text) => {
    expect(await problems({ files: `${plans}service: { ${text} }` })).toHaveLength(1);
  });
});

describe('settings of the history', () => {
  test('are the URL of a database, by variable or by file, never shown', async () => {
    const url = 'postgres://app:hunter22@db/holdfast';
    const config = await load({ files: plans, environment: { HOLDFAST_HISTORY_URL: url } });
    expect(config.history.url?.reveal()).toBe(url);
    expect(showConfig(config)).not.toContain('hunter22');
    expect(showConfig(config)).toContain('postgres://db/holdfast [secret from env:HOLDFAST_HISTORY_URL]');
    expect((await load({ files: plans })).history).toEqual({ url: null });
  });

  test('a URL that is missing is told by whoever needs it, when secrets may be missing', async () => {
    const { history } = await load({ files: `${plans}history: { url: "\${env:NONE}" }`, options: { missingSecrets: 'defer' } });
    expect(() => history.url?.reveal()).toThrowError(expect.toSatisfy((error) => isHoldfastError(error, 'SECRET_MISSING')));
  });
});
