import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseInstallation, defaultClientSearch, findInstallations } from './clients.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hf-clients-'));
  await install('pg/14/bin', 'pg_dump (PostgreSQL) 14.9');
  await install('pg/16/bin', 'pg_dump (PostgreSQL) 16.4 (Debian 16.4-1)');
  await install('pg/broken/bin', 'no version at all');
  await install('path', 'pg_dump (PostgreSQL) 17beta1');
  await mkdir(join(root, 'linked'));
  await symlink(join(root, 'path/pg_dump'), join(root, 'linked/pg_dump'));
  await mkdir(join(root, 'wrapper'));
  await writeFile(join(root, 'wrapper/pg_wrapper'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 99.0"\n', { mode: 0o755 });
  await symlink('pg_wrapper', join(root, 'wrapper/pg_dump'));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

async function install(directory: string, version: string): Promise<void> {
  await mkdir(join(root, directory), { recursive: true });
  await writeFile(join(root, directory, 'pg_dump'), `#!/bin/sh\necho "${version}"\n`);
  await chmod(join(root, directory, 'pg_dump'), 0o755);
}

const find = () =>
  findInstallations('pg_dump', { directories: ['pg/*/bin', 'path', 'linked', 'wrapper', 'absent'].map((name) => join(root, name)) });

test('every installation is found once, and nothing that is none', async () => {
  expect((await find()).map(({ major, version }) => ({ major, version }))).toEqual([
    { major: 14, version: '14.9' },
    { major: 16, version: '16.4 (Debian 16.4-1)' },
    { major: 17, version: '17beta1' },
  ]);
});

test.each([
  [13, 14],
  [14, 14],
  [15, 16],
  [17, 17],
])('a server of version %i gets programs of version %i', async (serverMajor, major) => {
  expect(chooseInstallation(await find(), { program: 'pg_dump', serverMajor, server: 'it' }).major).toBe(major);
});

test('a server newer than every program is refused, with the package to install', async () => {
  const installations = await find();
  const choose = () => chooseInstallation(installations, { program: 'pg_dump', serverMajor: 18, server: 'PostgreSQL 18.1 on db:5432' });
  expect(choose).toThrow('Cannot use PostgreSQL 18.1 on db:5432: it needs pg_dump 18 or newer, found 14.9, 16.4 (Debian 16.4-1), 17beta1');
  expect(choose).toThrow(expect.objectContaining({ code: 'TOOL_MISSING', hint: expect.stringContaining('postgresql-client-18') }));
});

test('a machine without any says so', () => {
  expect(() => chooseInstallation([], { program: 'initdb', serverMajor: 15, server: 'it' })).toThrow(
    expect.objectContaining({ message: expect.stringContaining('none is installed'), hint: expect.stringContaining('postgresql-15') }),
  );
});

test('this machine has client programs where they are looked for', async () => {
  const installations = await findInstallations('pg_dump', defaultClientSearch(process.env));
  expect(installations.length).toBeGreaterThan(0);
});
