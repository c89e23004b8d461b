import { expect, it } from 'vitest';
import type { Manifest } from '../../src/domain/manifest.ts';
import { createApplication } from '../fixtures/application-database.ts';
import { startPostgres } from '../fixtures/postgres-cluster.ts';
import { databaseContent } from './database-content.ts';
import { install, type Report } from './holdfast.ts';
import { runByHand } from './standard-tools.ts';

const databases = ['shop', 'Other "Shop"; $x'];

it('a whole server, roles included, is drilled, comes back in place, and on an empty one by the commands of the manifest', async () => {
  await using cluster = await startPostgres();
  for (const database of databases) await createApplication(cluster, database);
  await cluster.query('postgres', "CREATE ROLE shop_owner LOGIN PASSWORD 'hashed'; ALTER DATABASE shop OWNER TO shop_owner");
  await cluster.query('shop', 'ALTER TABLE orders OWNER TO shop_owner');
  const before = await Promise.all(databases.map((database) => databaseContent(cluster, database)));
  await using installation = await install({ DATABASE_URL: cluster.url('postgres') });
  await installation.configure(`
plans:
  server:
    sources: [{ kind: postgres, url: "\${env:DATABASE_URL}", databases: all, globals: true }]
    compression: gzip
    stores: [{ kind: local, path: "${installation.store}" }]
`);
  const { snapshotId } = await installation.json<Report>(['backup']);
  expect(await installation.json(['drill'])).toMatchObject({ outcome: 'succeeded' });
  const manifest = await installation.json<Manifest>(['show', snapshotId]);
  expect(manifest.units.map(({ name }) => name).toSorted()).toEqual([...databases, 'globals', 'postgres'].toSorted());

  await cluster.query('shop', 'DROP TABLE orders CASCADE');
  const restored = await installation.json<Report>(['restore', snapshotId ?? '', '--in-place', '--yes']);
  expect(restored).toMatchObject({ outcome: 'succeeded', details: { databases: [{}, {}, {}] } });
  expect(await Promise.all(databases.map((database) => databaseContent(cluster, database)))).toEqual(before);

  await using empty = await startPostgres();
  for (const database of databases) await empty.createDatabase(database, 'TEMPLATE template0');
  for (const command of manifest.restore) await runByHand(command, { directory: installation.store, words: {}, env: empty.environment });
  expect(await Promise.all(databases.map((database) => databaseContent(empty, database)))).toEqual(before);
});
