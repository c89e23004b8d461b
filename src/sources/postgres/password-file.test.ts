import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findPassword } from './password-file.ts';
import { resolveAddress } from './server-address.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hf-pgpass-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function look(lines: string, wanted: { host?: string; port?: number; user?: string; database?: string }, mode = 0o600) {
  const passfile = join(directory, 'pgpass');
  await writeFile(passfile, lines);
  await chmod(passfile, mode);
  const address = resolveAddress({ host: 'db', port: 5432, user: 'app', database: 'shop', ...wanted, passfile }, {});
  return (await findPassword(address, address.database))?.reveal() ?? null;
}

test('the first line that fits gives the password', async () => {
  const lines = '# db:5432:shop:app:comment\nother:5432:shop:app:no\ndb:*:*:app:yes\ndb:5432:shop:app:late\n';
  expect(await look(lines, {})).toBe('yes');
  expect(await look(lines, { user: 'admin' })).toBeNull();
});

test('colons and backslashes are escaped', async () => {
  expect(await look(String.raw`db:5432:a\:b:app:p\:a\\ss`, { database: 'a:b' })).toBe(String.raw`p:a\ss`);
});

test('a socket is called localhost', async () => {
  expect(await look('localhost:*:*:*:yes', { host: '/var/run/postgresql' })).toBe('yes');
});

test('an empty field fits nothing but an empty name', async () => {
  expect(await look(':5432:shop:app:no', {})).toBeNull();
});

test('a file that others may read is not used, and none is no error', async () => {
  expect(await look('*:*:*:*:no', {}, 0o644)).toBeNull();
  expect(await findPassword(resolveAddress({ passfile: join(directory, 'absent') }, {}), 'x')).toBeNull();
});
