import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backupsDone, backupsEntry } from '../../src/api/backups-contract.ts';
import { contentsPage, snapshotSummary, page } from '../../src/api/contract.ts';
import { sharedPostgres, uniqueName } from '../fixtures/shared-postgres.ts';
import type { PostgresCluster } from '../fixtures/postgres-cluster.ts';
import { type Installation, install } from './holdfast.ts';
import { databasesOf } from './protected-notes.ts';
import { type Service, serve } from './service.ts';

let cluster: PostgresCluster;
let database: string;
let installation: Installation;
let service: Service;
let headers: Readonly<Record<string, string>>;

/** Nothing but variables, and a token. */
beforeAll(async () => {
  cluster = await sharedPostgres();
  database = uniqueName('hoppybrew');
  await cluster.createDatabase(database);
  await cluster.query(
    database,
    'CREATE TABLE beers (id int PRIMARY KEY, name text); INSERT INTO beers VALUES (1, $$Stout$$), (2, $$Lager$$)',
  );
  installation = await install();
  const env = {
    DATABASE_URL: cluster.url(database),
    BACKUP_DIR: installation.store,
    BACKUP_ENABLED: 'true',
    BACKUP_SCHEDULE: '0 2 * * *',
    BACKUP_RETENTION_DAYS: '30',
  };
  service = await serve(installation, { env });
  headers = await service.as('administrator');
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
  for (const name of await databasesOf(cluster, database)) await cluster.query('postgres', `DROP DATABASE "${name}" WITH (FORCE)`);
  await installation[Symbol.asyncDispose]();
});

async function send(method: string, path: string, body?: unknown): Promise<Response> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const typed = body === undefined ? headers : { ...headers, 'content-type': 'application/json' };
  return await fetch(`${service.url}${path}`, { method, headers: typed, ...json });
}

async function beers(): Promise<string[]> {
  return (await cluster.query<{ name: string }>(database, 'SELECT name FROM beers ORDER BY id')).map(({ name }) => name);
}

describe('a service that backs up a database, configured by variables', () => {
  let filename: string;

  it('makes a backup when asked, and lists it with the fields that other programs read', async () => {
    const made = await send('POST', '/backups', { description: 'Pre-upgrade backup' });
    expect(made.status, await made.clone().text()).toBe(201);
    ({ filename } = backupsDone.parse(await made.json()));
    expect(filename).toMatch(/^hoppybrew.*_\d{8}_\d{6}\.sql\.gz$/u);
    const entries = (await (await send('GET', '/backups')).json()) as unknown[];
    expect(entries.map((entry) => backupsEntry.parse(entry))).toMatchObject([
      { filename, description: 'Pre-upgrade backup', database_name: database, database_host: '127.0.0.1' },
    ]);
  });

  it('hands an archive out, byte for byte, and resumes', async () => {
    const stored = await readFile(join(installation.store, filename));
    const response = await send('GET', `/backups/${filename}/download`);
    const sha256 = createHash('sha256')
      .update(Buffer.from(await response.arrayBuffer()))
      .digest('hex');
    expect(sha256).toBe(createHash('sha256').update(stored).digest('hex'));
    const rest = await fetch(`${service.url}/backups/${filename}/download`, { headers: { ...headers, range: 'bytes=100-' } });
    expect(Buffer.from(await rest.arrayBuffer()).equals(stored.subarray(100))).toBe(true);
  });

  it('shows the tables of the database', async () => {
    const listed = page('SnapshotPage', snapshotSummary).parse(await (await send('GET', '/api/v1/snapshots')).json());
    const contents = async (path: string) =>
      contentsPage.parse(await (await send('GET', `/api/v1/snapshots/${listed.items[0]?.id}/contents?path=${path}`)).json());
    expect((await contents('')).entries).toMatchObject([{ name: database, type: 'database' }]);
    expect((await contents(database)).entries).toMatchObject([
      { name: 'public.beers', path: `${database}:public.beers`, type: 'table', rows: 2 },
    ]);
  });

  it('restores into the live database, and keeps the one that it replaces', async () => {
    await cluster.query(database, 'DELETE FROM beers WHERE id = 2');
    const restored = await send('POST', '/backups/restore', { filename });
    expect(restored.status, await restored.clone().text()).toBe(200);
    expect(backupsDone.parse(await restored.json())).toMatchObject({ message: 'Database restored successfully', filename });
    expect(await beers()).toEqual(['Stout', 'Lager']);
    expect(await databasesOf(cluster, database)).toHaveLength(2);
  });

  it('cleans up by the days of retention, and deletes when asked', async () => {
    const cleaned = await send('POST', '/backups/cleanup');
    expect(await cleaned.json()).toMatchObject({ deleted_count: 0, deleted_files: [], total_size_freed: 0, retention_days: 30 });
    expect((await send('DELETE', `/backups/${filename}`)).status).toBe(200);
    expect(await (await send('GET', '/backups')).json()).toEqual([]);
    expect((await send('GET', `/backups/${filename}`)).status).toBe(404);
  });

  it('describes every call in its document', async () => {
    const { paths } = (await (await send('GET', '/openapi.json')).json()) as { readonly paths: Record<string, object> };
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/backups', '/backups/{filename}', '/backups/{filename}/download', '/backups/restore', '/backups/cleanup']),
    );
  });
});
