import { describe, expect, test } from 'vitest';
import { Secret } from '../../domain/secret.ts';
import { addressFromUrl, formatUrl, parseUrl, resolveAddress, serverName } from './server-address.ts';

const home = { HOME: '/nowhere' };

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
