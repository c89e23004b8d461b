import { expect, test } from 'vitest';
import { Secret } from '../domain/secret.ts';
import { databaseOf } from './restore-moves.ts';

test.each([
  ['postgres://user:pa#ss@host:5432/app', 'app'],
  ['postgres://user:1#x@host/app?sslmode=disable', 'app'],
  ['postgres:///app?host=/run/postgresql', 'app'],
  ['postgresql+asyncpg://host/we%20ird', 'we ird'],
  ['postgres://host/100%', '100%'],
  ['postgres://host/', ''],
  ['postgres://host?host=/run/x', ''],
  ['host=/run dbname=app', ''],
])('databaseOf(%s) is "%s"', (url, name) => {
  expect(databaseOf(new Secret(url, 'test'))).toBe(name);
});
