import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresCluster, startPostgres } from '../../../../test/fixtures/postgres-cluster.ts';
import { dumpDatabase, type KeptDump, pieces, testContext } from '../../../../test/fixtures/postgres-dump.ts';
import type { DumpDetails } from '../../../domain/manifest.ts';
import { Secret } from '../../../domain/secret.ts';
import { openPostgresEngine } from './postgres-engine.ts';

const signal = new AbortController().signal;
const engine = openPostgresEngine(testContext());
let cluster: PostgresCluster;
let dump: KeptDump;

beforeAll(async () => {
  cluster = await startPostgres();
  await cluster.query(
    'postgres',
    'CREATE ROLE app_owner; CREATE ROLE "app reader"; CREATE ROLE plain LOGIN; CREATE ROLE maker LOGIN CREATEDB',
  );
  await cluster.createDatabase('app');
  await cluster.query(
    'app',
    'CREATE EXTENSION hstore; CREATE TABLE t (a hstore); ALTER TABLE t OWNER TO app_owner; GRANT SELECT ON t TO "app reader"',
  );
  dump = await dumpDatabase(cluster, 'app');
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function preflight(
  details: Partial<DumpDetails>,
  options: { readonly user?: string; readonly path?: string; readonly sizeBytes?: number } = {},
): Promise<readonly string[]> {
  const given = options.path === undefined ? engine : openPostgresEngine(testContext({ PATH: options.path }));
  await using target = await given.target(new Secret(cluster.url('app', { user: options.user ?? 'postgres' }), 'test'), signal);
  return await target.preflight({ ...dump.record, sizeBytes: options.sizeBytes ?? 1, dump: { ...dump.record.dump, ...details } }, signal);
}

describe('preflight()', () => {
  test('passes what the server can take', async () => {
    expect(await preflight({})).toEqual([]);
    expect(dump.record.dump.requires).toMatchObject({ roles: ['app reader', 'app_owner', 'postgres'], extensions: [{ name: 'hstore' }] });
  });

  test('names every missing role and how to make it', async () => {
    await cluster.query('postgres', 'ALTER ROLE app_owner RENAME TO a; ALTER ROLE "app reader" RENAME TO b');
    await expect(preflight({})).rejects.toMatchObject({
      code: 'ROLE_MISSING',
      message: expect.stringContaining('it needs the roles "app reader", "app_owner"'),
      hint: expect.stringContaining('CREATE ROLE "app reader"; CREATE ROLE "app_owner";'),
      details: { roles: ['app reader', 'app_owner'] },
    });
    await cluster.query('postgres', 'ALTER ROLE a RENAME TO app_owner; ALTER ROLE b RENAME TO "app reader"');
  });

  test('names every missing extension and its package', async () => {
    const extensions = ['postgis', 'vector', 'plpython3u', 'some_thing', 'hstore'].map((name) => ({ name, version: '1.8' }));
    const { major } = cluster;
    await expect(preflight({ requires: { roles: [], extensions } })).rejects.toMatchObject({
      code: 'EXTENSION_MISSING',
      message: expect.stringContaining('"postgis", "vector", "plpython3u", "some_thing"'),
      hint: `Install it on that server: apt-get install postgresql-${major}-postgis-3 postgresql-${major}-pgvector postgresql-plpython3-${major} postgresql-${major}-some-thing`,
    });
  });

  test('remarks on an extension of another version', async () => {
    expect(await preflight({ requires: { roles: [], extensions: [{ name: 'hstore', version: '0.1' }] } })).toEqual([
      expect.stringMatching(/"hstore" was 0\.1 and is \d/),
    ]);
  });

  test('refuses a role that may not make databases, or not make an extension', async () => {
    await expect(preflight({}, { user: 'plain' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      hint: expect.stringContaining('ALTER ROLE "plain" CREATEDB;'),
    });
    const untrusted = { roles: [], extensions: [{ name: 'pageinspect', version: '1.11' }] };
    await expect(preflight({ requires: untrusted }, { user: 'maker' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('"pageinspect"'),
    });
    expect(await preflight({}, { user: 'maker' })).toEqual([]);
  });

  test('refuses a server older than the dump', async () => {
    await expect(preflight({ serverVersion: '99.1' })).rejects.toMatchObject({
      code: 'TARGET_FAILED',
      hint: 'Restore to a server of version 99 or newer',
    });
  });

  test('refuses a disk of this machine that has too little room', async () => {
    await expect(preflight({}, { sizeBytes: 1e15 })).rejects.toMatchObject({
      code: 'SPACE_SHORT',
      message: expect.stringContaining(cluster.dataDirectory),
    });
  });

  test('refuses a psql that does not know what the dump begins with', async () => {
    const { checkPsqlReads } = await import('./tools.ts');
    const old = { directory: '/usr/bin', major: 15, version: '15.13 (Debian 15.13-1)' };
    const written = (tool: string) => ({ ...dump.record, dump: { ...dump.record.dump, tool } });
    expect(() => checkPsqlReads(old, written('pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)'))).toThrow(
      'does not know the \\restrict',
    );
    expect(() => checkPsqlReads(old, written('pg_dump (PostgreSQL) 18.0'))).toThrow('does not know the \\restrict');
    checkPsqlReads(old, written('pg_dump (PostgreSQL) 15.13'));
    checkPsqlReads({ ...old, version: '15.14' }, written('pg_dump (PostgreSQL) 17.6'));
    checkPsqlReads({ ...old, major: 18, version: '18.1' }, written('pg_dump (PostgreSQL) 15.18'));
  });

  test('refuses to go on without psql', async () => {
    const { findPsql } = await import('./tools.ts');
    await expect(findPsql({ directories: ['/nowhere'] })).rejects.toMatchObject({
      code: 'TOOL_MISSING',
      hint: expect.stringContaining('postgresql-client'),
    });
  });
});

describe('an extension with rows of its own and of the user', () => {
  const extension = 'holdfast_test_extension';

  test('is compared by the rows that are the user’s', async (context) => {
    const directory = await installExtension();
    if (directory === null) return context.skip('needs leave to write into PostgreSQL’s extension directory');
    await using _remove = { [Symbol.asyncDispose]: () => removeExtension(directory) };
    await cluster.createDatabase('configured');
    await cluster.query(
      'configured',
      `CREATE EXTENSION ${extension}; INSERT INTO rules VALUES (3, true, 'mine'), (4, true, 'mine too'); INSERT INTO plain_member VALUES (2)`,
    );
    const configured = await dumpDatabase(cluster, 'configured');
    expect(configured.record.dump.tables).toMatchObject([{ name: 'rules', rows: 2 }]);
    await using target = await engine.target(new Secret(cluster.url('configured'), 'test'), signal);
    await using database = await target.create(configured.record, signal);
    await database.load(pieces(configured.bytes), signal);
    expect(await database.compare(configured.record, 'full', signal)).toEqual([]);
    await cluster.query(database.name, `DELETE FROM rules WHERE id = 4`);
    expect(await database.compare(configured.record, 'full', signal)).toMatchObject([
      { table: 'public.rules', message: '1 row missing: 2 in the backup, 1 found' },
    ]);
  });

  async function installExtension(): Promise<string | null> {
    const [row] = await cluster.query<{ directory: string }>(
      'postgres',
      `SELECT setting AS directory FROM pg_config WHERE name = 'SHAREDIR'`,
    );
    const directory = join(row?.directory ?? '', 'extension');
    try {
      await writeFile(join(directory, `${extension}.control`), `default_version = '1.0'\nrelocatable = true\n`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') return null;
      throw error;
    }
    await writeFile(
      join(directory, `${extension}--1.0.sql`),
      `CREATE TABLE rules (id int, custom bool, "té""xt" text); INSERT INTO rules VALUES (1, false, 'built in'), (2, false, 'built in');
      CREATE TABLE plain_member (id int); INSERT INTO plain_member VALUES (1);
      SELECT pg_catalog.pg_extension_config_dump('rules', 'WHERE custom');`,
    );
    return directory;
  }

  async function removeExtension(directory: string): Promise<void> {
    await rm(join(directory, `${extension}.control`));
    await rm(join(directory, `${extension}--1.0.sql`));
  }
});

describe('an older psql on the path', () => {
  test('does not keep the newest from being used', async () => {
    const directory = await mkdtemp('/var/tmp/hf-psql-');
    const file = join(directory, 'psql');
    await writeFile(file, '#!/bin/sh\necho "psql (PostgreSQL) 9.6.24"\n');
    await chmod(file, 0o755);
    const { findPsql } = await import('./tools.ts');
    expect((await findPsql({ directories: [directory, cluster.binDirectory] })).directory).toBe(cluster.binDirectory);
    await rm(directory, { recursive: true });
  });
});
