import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { sharedPostgres } from '../../../test/fixtures/shared-postgres.ts';
import { Secret } from '../../domain/secret.ts';
import { addressFromUrl, formatUrl, parseUrl, resolveAddress, serverName } from './server-address.ts';

const home = { HOME: '/nowhere' };

const directory = mkdtempSync(join(tmpdir(), 'hf-address-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function read(url: string, environment: Record<string, string> = home) {
  const { password, ...address } = addressFromUrl(new Secret(url, 'test'), environment);
  return { ...address, password: password?.reveal() ?? null };
}

describe('a database URL', () => {
  test('gives every part', () => {
    expect(read('postgresql://app:s%40fe@db.example.org:5433/my%20app?sslmode=verify-full&connect_timeout=3')).toMatchObject({
      host: 'db.example.org',
      port: 5433,
      user: 'app',
      password: 's@fe',
      database: 'my app',
      tls: { mode: 'verify-full' },
      connectTimeoutMs: 3000,
    });
  });

  test('may hold characters in the password that the web would forbid', () => {
    expect(read('postgres://app:p#a:s@s@localhost/app')).toMatchObject({ user: 'app', password: 'p#a:s@s', host: 'localhost' });
  });

  test.each([
    ['postgres://app@[::1]:5433/app', '::1', 5433],
    ['postgres://app@%2Fvar%2Frun%2Fpg/app', '/var/run/pg', 5432],
    ['postgres://app@/app?host=/var/run/pg&port=7', '/var/run/pg', 7],
    ['postgresql+asyncpg://app@db/app', 'db', 5432],
  ])('%s names its server', (url, host, port) => {
    expect(read(url)).toMatchObject({ host, port, database: 'app' });
  });

  test('leaves to the environment what it does not say', () => {
    const environment = {
      ...home,
      PGHOST: 'env-host',
      PGPORT: '6000',
      PGUSER: 'env-user',
      PGPASSWORD: 'env-password',
      PGDATABASE: 'env-database',
      PGSSLMODE: 'require',
    };
    expect(read('postgres://', environment)).toMatchObject({
      host: 'env-host',
      port: 6000,
      user: 'env-user',
      password: 'env-password',
      database: 'env-database',
      tls: { mode: 'require' },
    });
    expect(read('postgres://u:p@h:1/d', environment)).toMatchObject({ host: 'h', port: 1, user: 'u', password: 'p', database: 'd' });
    expect(read('postgres://u@h', home)).toMatchObject({ database: 'u', password: null });
  });

  test('encrypts to other machines where it can, and on this one only when asked', () => {
    expect(read('postgres://u@db/d').tls.mode).toBe('prefer');
    expect(read('postgres://u@127.0.0.1/d').tls.mode).toBe('allow');
  });

  test('ignores what only libraries understand, and refuses what nobody does', () => {
    expect(read('postgres://u@h/d?schema=public&connection_limit=5&pgbouncer=true').database).toBe('d');
    expect(() => parseUrl('postgres://u@h/d?sllmode=require')).toThrow(/"sllmode"/);
  });

  test.each([
    'mysql://u:secret@h/d',
    'postgres://u:secret%zz@h/d',
    'postgres://u:secret@h1,h2/d',
    'postgres://u:secret@h:port/d',
    'postgres://u:secret@h/d?sslmode=maybe',
  ])('%s is refused without showing the password', (url) => {
    let error: unknown;
    try {
      read(url);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(
      JSON.stringify([
        String(error),
        (error as { hint: string }).hint,
        (error as { details: unknown }).details,
        String((error as Error).cause),
      ]),
    ).not.toContain('secret');
  });
});

describe('PGPASSWORD_FILE', () => {
  test('holds the password, unless the URL has one', () => {
    const environment = { ...home, PGPASSWORD_FILE: file('password', 's3cret\n') };
    expect(read('postgres://u@h/d', environment).password).toBe('s3cret');
    expect(read('postgres://u:own@h/d', environment).password).toBe('own');
  });

  test('that is not there is an error that names it', () => {
    expect(() => read('postgres://u@h/d', { ...home, PGPASSWORD_FILE: '/run/secrets/none' })).toThrow(
      expect.objectContaining({
        code: 'SECRET_MISSING',
        message: expect.stringContaining('"/run/secrets/none" that PGPASSWORD_FILE names'),
      }),
    );
  });
});

describe('a service', () => {
  const text = `# comment
[other]
host=wrong
[shop] and more
host=first
host=second
port=6000
user=shopkeeper
password=p=w #1
dbname=shop
sslmode=
keepalives=1

[late]
host=late
`;
  const environment = { ...home, PGSERVICEFILE: file('pg_service.conf', text), PGSERVICE: 'shop' };

  test('fills in what the URL does not say, before the variables', () => {
    const variables = {
      ...environment,
      PGHOST: 'variable',
      PGUSER: 'variable',
      PGPASSWORD: 'variable',
      PGDATABASE: 'variable',
      PGSSLMODE: 'require',
    };
    const found = { host: 'first', port: 6000, user: 'shopkeeper', password: 'p=w #1', database: 'shop', tls: { mode: 'require' } };
    expect(read('postgres://', variables)).toMatchObject(found);
    expect(read('postgres:///blog', variables)).toMatchObject({ ...found, database: 'blog' });
    expect(read('postgres://?service=late', variables)).toMatchObject({ host: 'late', user: 'variable' });
  });

  test('stands in the home directory, and then in the place that PGSYSCONFDIR names', () => {
    const own = mkdtempSync(join(directory, 'home-'));
    writeFileSync(join(own, '.pg_service.conf'), '[mine]\nhost=own\n');
    const system = { HOME: own, PGSYSCONFDIR: directory };
    expect(read('postgres://?service=mine', system).host).toBe('own');
    expect(read('postgres://?service=late', system).host).toBe('late');
  });

  test.each([
    ['[shop]\nhost db', /:2 is not of the form name=value/],
    ['[shop]\nservice=other', /:2 names a service within a service/],
    ['[shop]\nhost=a,b', /:2 names several hosts/],
    ['[shop]\npassword=sesame\ntarget_session_attrs=primary', /:3 has the parameter "target_session_attrs", which Holdfast cannot follow/],
    ['[shop]\n dbname =x', /:2 has the parameter "dbname "/],
    ['[ shop ]\nhost=a', /service "shop" is not defined in .*pg_service/],
  ])('is refused when it stands there as %j', (wrong, message) => {
    const broken = { ...environment, PGSERVICEFILE: file('pg_service.broken', wrong), PGSYSCONFDIR: '/nowhere' };
    expect(() => read('postgres://', broken)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
    expect(() => read('postgres://', broken)).not.toThrow(/sesame/);
  });

  test('of a file that is not there is refused', () => {
    expect(() => read('postgres://', { ...environment, PGSERVICEFILE: '/nowhere/services' })).toThrow(
      /Cannot find the service file "\/nowhere\/services"/,
    );
  });

  test('is what psql takes it for', async () => {
    const cluster = await sharedPostgres();
    const where = `host=${cluster.host}\nport=${cluster.port}\nuser=${cluster.superuser}\ndbname=template1\nhost=never.invalid\n`;
    const variables = {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nowhere',
      PGSERVICE: 'real',
      PGSERVICEFILE: file('real', `[real]\n${where}`),
      PGDATABASE: 'wrong',
    };
    const asked = execFileSync(join(cluster.binDirectory, 'psql'), ['-XAtc', 'SELECT current_database() || inet_server_port()'], {
      env: variables,
    });
    const { database, port } = read('postgres://', variables);
    expect(asked.toString().trim()).toBe(`${database}${port}`);
  });
});

test('a server is named as people write it', () => {
  expect(serverName({ host: 'db', port: 5432 })).toBe('db:5432');
  expect(serverName({ host: '::1', port: 5432 })).toBe('[::1]:5432');
  expect(serverName({ host: '/run/pg', port: 5432 })).toBe('/run/pg/.s.PGSQL.5432');
});

test('without a host the local socket is used, and without one the loopback', () => {
  const { host } = resolveAddress({ port: 1 }, home);
  expect(host).toBe('localhost');
});

test.each([
  'postgres://a%20b:p%2B%20%25@[::1]:5433/my%2Fdb?sslmode=verify-full&sslrootcert=/a+b/c%20d',
  'postgres://u@/d?host=/run/p+g',
  'postgres://h/d',
])('%s is written as a URL that reads the same anywhere', (url) => {
  const address = addressFromUrl(new Secret(url, 'test'), { ...home, PGUSER: 'from the environment' });
  const { password, ...again } = addressFromUrl(formatUrl(address), { PGHOST: 'other', PGPORT: '1', PGSSLMODE: 'disable', HOME: '/other' });
  expect({ ...again, password: password?.reveal() ?? null }).toEqual({ ...address, password: address.password?.reveal() ?? null });
});
