import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApplication } from '../../../../test/fixtures/application-database.ts';
import { type PostgresCluster, startPostgres } from '../../../../test/fixtures/postgres-cluster.ts';
import { dumpDatabase, type KeptDump, pieces, testContext } from '../../../../test/fixtures/postgres-dump.ts';
import { Secret } from '../../../domain/secret.ts';
import type { TableName } from '../../../ports/dump-engine.ts';
import { openPostgresEngine } from './postgres-engine.ts';

const signal = new AbortController().signal;
const engine = openPostgresEngine(testContext());
let cluster: PostgresCluster;
let dump: KeptDump;

beforeAll(async () => {
  cluster = await startPostgres();
  await createApplication(cluster, 'shop');
  await cluster.query('shop', 'CREATE PUBLICATION everything FOR TABLE orders');
  dump = await dumpDatabase(cluster, 'shop');
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function transplant(live: string, tables: readonly TableName[]): Promise<string> {
  await using target = await engine.target(new Secret(cluster.url(live), 'test'), signal);
  await using database = await target.create(dump.record, signal);
  await database.load(pieces(dump.bytes), signal);
  return (await database.transplant(tables, signal)).schema;
}

const odd = 'Table.with "dots", commas\nand a line';
const oddSchema = 'Odd Schema, with "quotes"';

describe('transplant()', () => {
  test('puts tables beside the live ones, which stay as they are', async () => {
    await cluster.query('shop', 'UPDATE orders SET total = 1; DELETE FROM attachments');
    const live = `SELECT (SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM public.orders o) AS orders, (SELECT array_agg(pubname || relid::regclass) FROM (SELECT p.pubname, r.prrelid AS relid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid) AS x) AS published`;
    const before = await cluster.query('shop', live);
    const schema = await transplant('shop', [
      { schema: 'public', name: 'orders' },
      { schema: 'public', name: 'attachments' },
      { schema: oddSchema, name: odd },
    ]);
    expect(schema).toMatch(/^restored_\d{8}_\d{6}_\d{3}$/);
    expect(
      await cluster.query('shop', `SELECT count(*)::int AS n, (sum(total) > 1e6) AS real, min(id)::int AS first FROM ${schema}.orders`),
    ).toEqual([{ n: 9897, real: true, first: 1 }]);
    expect(await cluster.query('shop', `SELECT count(*)::int AS n FROM ${schema}.attachments`)).toEqual([{ n: 201 }]);
    expect(await cluster.query('shop', `SELECT count(*)::int AS n FROM ${schema}."Table.with ""dots"", commas\nand a line"`)).toEqual([
      { n: 5 },
    ]);
    expect(await cluster.query('shop', live)).toEqual(before);
  });

  test('takes a partitioned table with its partitions, and a partition without its parent', async () => {
    const whole = await transplant('shop', [{ schema: 'public', name: 'events' }]);
    expect(await cluster.query('shop', `SELECT count(*)::int AS n, count(DISTINCT tableoid)::int AS parts FROM ${whole}.events`)).toEqual([
      { n: 20_000, parts: 3 },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const part = await transplant('shop', [{ schema: 'public', name: 'events_2024' }]);
    const [counts] = await cluster.query(
      'shop',
      `SELECT (SELECT count(*) FROM ${part}.events_2024) = (SELECT count(*) FROM public.events_2024) AS same`,
    );
    expect(counts).toEqual({ same: true });
  });

  test('that cannot be done leaves nothing in the live database', async () => {
    await cluster.createDatabase('bare');
    await expect(transplant('bare', [{ schema: 'public', name: 'orders' }])).rejects.toMatchObject({
      code: 'TARGET_FAILED',
      message: expect.stringContaining('does not exist'),
    });
    expect(await cluster.query('bare', `SELECT FROM pg_namespace WHERE nspname LIKE 'restored%'`)).toEqual([]);
    await expect(transplant('shop', [{ schema: 'public', name: 'absent' }])).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('"public.absent"'),
    });
    await expect(transplant('nowhere', [{ schema: 'public', name: 'orders' }])).rejects.toMatchObject({ code: 'DATABASE_UNKNOWN' });
    expect(await cluster.query('postgres', `SELECT FROM pg_database WHERE datname LIKE '%\\_restore\\_%'`)).toEqual([]);
  });
});
