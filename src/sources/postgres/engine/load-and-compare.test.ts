import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createApplication } from '../../../../test/fixtures/application-database.ts';
import { type PostgresCluster, startPostgres } from '../../../../test/fixtures/postgres-cluster.ts';
import { dumpDatabase, type KeptDump, pieces, testContext } from '../../../../test/fixtures/postgres-dump.ts';
import type { DumpRecord, TableRecord } from '../../../domain/manifest.ts';
import { Secret } from '../../../domain/secret.ts';
import type { LoadingDatabase } from '../../../ports/dump-engine.ts';
import { openPostgresEngine } from './postgres-engine.ts';

const signal = new AbortController().signal;
const engine = openPostgresEngine(testContext());
let cluster: PostgresCluster;
let shop: KeptDump;

beforeAll(async () => {
  cluster = await startPostgres();
  await createApplication(cluster, 'shop');
  shop = await dumpDatabase(cluster, 'shop');
});
afterAll(() => cluster[Symbol.asyncDispose]());

test('refuses to take the place of a template of every new database', async () => {
  await expect(openTarget('template1')).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('template1') });
});

const openTarget = (database: string) => engine.target(new Secret(cluster.url(database), 'test'), signal);

/** Names of the databases that a restore of `name` has made and not removed. */
async function leftovers(name: string): Promise<string[]> {
  const rows = await cluster.query<{ datname: string }>('postgres', 'SELECT datname FROM pg_database');
  return rows.map(({ datname }) => datname).filter((datname) => datname.startsWith(`${name}_`));
}

async function withLoaded(dump: KeptDump, use: (database: LoadingDatabase) => Promise<void>): Promise<void> {
  await using target = await openTarget('elsewhere');
  await using database = await target.create(dump.record, signal);
  await database.load(pieces(dump.bytes), signal);
  await use(database);
}

async function roundTrip(name: string, options: string, sql: string): Promise<void> {
  await cluster.createDatabase(name, options);
  await cluster.query(name, sql);
  const dump = await dumpDatabase(cluster, name);
  await withLoaded(dump, async (database) => {
    expect(await database.compare(dump.record, 'full', signal)).toEqual([]);
    const [properties] = await cluster.query('postgres', shape, [database.name]);
    expect(properties).toEqual((await cluster.query('postgres', shape, [name]))[0]);
  });
  expect(dump.record.dump.tables.some(({ rows }) => rows > 0)).toBe(true);
}

const shape = 'SELECT encoding, datcollate, datctype, datlocprovider, daticulocale FROM pg_database WHERE datname = $1';

/** A record that expects something else of one table. */
function altered(record: DumpRecord, name: string, change: (table: TableRecord) => Partial<TableRecord>): DumpRecord {
  const tables = record.dump.tables.map((table) => (table.name === name ? { ...table, ...change(table) } : table));
  return { ...record, dump: { ...record.dump, tables } };
}

describe('a whole dump', () => {
  test('an application is loaded so that no table differs', async () => {
    await withLoaded(shop, async (database) => {
      expect(database.name).toMatch(/^elsewhere_restore_\d{8}_\d{6}$/);
      expect(await database.compare(shop.record, 'full', signal)).toEqual([]);
      expect(await leftovers('elsewhere')).toEqual([database.name]);
    });
    expect(await leftovers('elsewhere')).toEqual([]);
  });

  test('what is not in tables comes back too: sequences, large objects, a view kept as rows, statistics', async () => {
    const sql = `SELECT last_value::int, (SELECT count(*)::int FROM pg_largeobject_metadata) AS objects, md5(lo_get(4242)) AS object,
      (SELECT count(*)::int FROM reporting.totals) AS totals, (SELECT reltuples::int FROM pg_class WHERE relname = 'orders') AS estimate FROM invoice_number`;
    await withLoaded(shop, async (database) => {
      const [restored] = await cluster.query<{ estimate: number }>(database.name, sql);
      expect(restored).toEqual({ ...(await cluster.query('shop', sql))[0], estimate: restored?.estimate });
      expect(restored?.estimate).toBe(9897);
    });
  });

  test('encodings, locales and providers come back', async () => {
    await roundTrip(
      'latin',
      `TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`,
      `CREATE TABLE "größe" ("ä€" text, "b\\""" int); INSERT INTO "größe" VALUES (E'\\u00fc', 1)`.replace('€', 'é'),
    );
    await roundTrip(
      'icu',
      `TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'`,
      `CREATE TABLE t (a text); INSERT INTO t VALUES ('ü'), ('z')`,
    );
    await roundTrip(
      'ascii',
      `TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'`,
      `CREATE TABLE t (a text); INSERT INTO t VALUES (E'\\xfc')`,
    );
  });

  test('names of any kind come back', async () => {
    const longest = 'ж'.repeat(31);
    await roundTrip(longest, '', 'CREATE TABLE t (i int); INSERT INTO t VALUES (1)');
    await roundTrip(
      `o'dd "name" \\ = ü`,
      '',
      `CREATE SCHEMA "s.""x"; CREATE TABLE "s.""x"."t\n(a)" ("c,d" int); INSERT INTO "s.""x"."t\n(a)" VALUES (1)`,
    );
  });

  test('money is read and printed as where it came from', async () => {
    const dump = await (async () => {
      await cluster.createDatabase('till');
      await cluster.query('till', `CREATE TABLE t (price money); INSERT INTO t VALUES (1234.56)`);
      return dumpDatabase(cluster, 'till');
    })();
    await withLoaded(dump, async (database) => expect(await database.compare(dump.record, 'full', signal)).toEqual([]));
  });
});

describe('compare()', () => {
  test('names tables that lack rows, have others, have too many, or are not there', async () => {
    await withLoaded(shop, async (database) => {
      await cluster.query(
        database.name,
        `DELETE FROM orders WHERE id = 5; UPDATE customers SET full_name = 'x' WHERE id = 3; INSERT INTO empty_table VALUES (1);
        DROP TABLE sessions; CREATE TABLE extra AS SELECT 1; CREATE TABLE also_extra (i int); ALTER TABLE attachments RENAME content TO other`,
      );
      const found = await database.compare(shop.record, 'full', signal);
      expect(Object.fromEntries(found.map(({ table, message }) => [table, message]))).toEqual({
        'public.orders': '1 row missing: 9897 in the backup, 9896 found',
        'public.customers': 'same count (2000 rows), other content',
        'public.empty_table': '1 row too many: 0 in the backup, 1 found',
        'public.sessions': 'table is missing',
        'public.extra': 'has rows that are not in the backup',
        'public.attachments': expect.stringContaining('cannot be read: '),
      });
    });
  });

  test('the record decides: another count or digest in it is a difference', async () => {
    await withLoaded(shop, async (database) => {
      const expectation = altered(shop.record, 'addresses', () => ({ sha256: '0'.repeat(64) }));
      const [difference, ...others] = await database.compare(expectation, 'full', signal);
      expect(others).toEqual([]);
      expect(difference).toMatchObject({ table: 'public.addresses', expected: { rows: 2000 }, found: { rows: 2000 } });
    });
  });

  test('a table whose rows were left out has to be there, and empty', async () => {
    await withLoaded(shop, async (database) => {
      const withoutRows = ['left_out', 'filled', 'gone'].map((name) => ({ schema: 'public', name }));
      await cluster.query(database.name, 'CREATE TABLE left_out (i int); CREATE TABLE filled AS SELECT 1');
      const found = await database.compare({ ...shop.record, dump: { ...shop.record.dump, withoutRows } }, 'full', signal);
      expect(found.map(({ table, message }) => [table, message])).toEqual([
        ['public.gone', 'table is missing'],
        ['public.filled', 'has rows that are not in the backup'],
      ]);
    });
  });

  test('by counting finds rows that are missing or too many, and only those', async () => {
    await withLoaded(shop, async (database) => {
      expect(await database.compare(shop.record, 'counts', signal)).toEqual([]);
      await cluster.query(database.name, 'UPDATE orders SET total = total + 1 WHERE id = 1');
      expect(await database.compare(shop.record, 'counts', signal)).toEqual([]);
      await cluster.query(database.name, 'DELETE FROM orders WHERE id = 5');
      expect(await database.compare(shop.record, 'counts', signal)).toContainEqual(
        expect.objectContaining({
          table: 'public.orders',
          message: expect.stringContaining('1 row missing'),
          found: { rows: expect.any(Number), sha256: null },
        }),
      );
      await cluster.query(database.name, 'DROP TABLE orders CASCADE');
      expect(await database.compare(shop.record, 'counts', signal)).toContainEqual(
        expect.objectContaining({ table: 'public.orders', message: 'table is missing', found: null }),
      );
    });
  });

  test('a table name in the manifest that is more than a name is not run', async () => {
    await withLoaded(shop, async (database) => {
      const evil = altered(shop.record, 'addresses', () => ({
        copy: 'public.addresses TO STDOUT; DROP TABLE public.orders CASCADE; COPY public.addresses',
      }));
      await expect(database.compare(evil, 'full', signal)).rejects.toMatchObject({ code: 'MANIFEST_INVALID' });
      expect(await cluster.query(database.name, 'SELECT FROM orders LIMIT 1')).toHaveLength(1);
    });
  });

  test('a connection lost in the middle is an error, not a difference', async () => {
    await whileComparing(signal, async (comparing, database) => {
      const reading = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'COPY %'`;
      await Promise.all([
        expect(comparing).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' }),
        cluster.query('postgres', reading, [database]),
      ]);
    });
  });

  test('stops when it is told to', async () => {
    const controller = new AbortController();
    await whileComparing(controller.signal, async (comparing) => {
      controller.abort();
      await expect(comparing).rejects.toMatchObject({ code: 'CANCELLED' });
    });
    expect(await leftovers('elsewhere')).toEqual([]);
  });
});

/** Those that read tables of this database at the moment. */
function readers(database: string) {
  return cluster.query('postgres', `SELECT pid FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'COPY %' AND state = 'active'`, [
    database,
  ]);
}

/** Holds a comparison in the middle, by a lock on one table. */
async function whileComparing(given: AbortSignal, use: (comparing: Promise<unknown>, database: string) => Promise<void>): Promise<void> {
  await withLoaded(shop, async (database) => {
    const holder = await cluster.connect(database.name);
    await holder.query('BEGIN; LOCK TABLE orders');
    const comparing = database.compare(shop.record, 'full', given);
    await vi.waitFor(async () => expect(await readers(database.name)).not.toEqual([]), 10_000);
    await use(comparing, database.name);
    await holder.end();
  });
}

describe('a dump that must not be loaded', () => {
  const loadCut = async (dump: KeptDump, options: Parameters<typeof pieces>[1]) => {
    await using target = await openTarget('shop');
    await using database = await target.create(dump.record, signal);
    const loading = database.load(pieces(dump.bytes, options), signal);
    await loading.catch(() => undefined);
    const [row] = await cluster.query<{ tables: number }>(
      database.name,
      `SELECT count(*)::int AS tables FROM pg_class WHERE oid >= 16384 AND relkind = 'r'`,
    );
    await expect(database.promote(signal)).rejects.toMatchObject({ code: 'INTERNAL' });
    return { loading, tables: row?.tables };
  };

  test('one cut anywhere commits nothing', async () => {
    const small = await withoutLargeObjects();
    const inRows = small.bytes.indexOf('COPY public.orders (id, customer_id') + 5000;
    for (const limitBytes of [1, 3000, inRows, small.bytes.length - 2000, small.bytes.length - 1]) {
      const { loading, tables } = await loadCut(small, { limitBytes });
      await expect(loading).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
      expect(tables).toBe(0);
    }
  });

  test('one whose stream fails commits nothing, and the failure is what is thrown', async () => {
    const small = await withoutLargeObjects();
    for (const limitBytes of [0, 200_000, small.bytes.length]) {
      const { loading, tables } = await loadCut(small, { limitBytes, failure: new Error('the archive broke') });
      await expect(loading).rejects.toThrow('the archive broke');
      expect(tables).toBe(0);
    }
  });

  test('one of the right length without its end marker commits nothing', async () => {
    const small = await withoutLargeObjects();
    const unmarked = Buffer.from(small.bytes);
    unmarked.write('-- PostgreSQL database dump complXte', unmarked.indexOf('-- PostgreSQL database dump complete', unmarked.length - 500));
    const { loading, tables } = await loadCut({ ...small, bytes: unmarked }, {});
    await expect(loading).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
    expect(tables).toBe(0);
  });

  test('an abort in the middle commits nothing, leaves no psql, and the live database is as it was', async () => {
    const small = await withoutLargeObjects();
    const before = await cluster.query('shop', 'SELECT count(*), sum(total) FROM orders');
    const controller = new AbortController();
    await using target = await openTarget('shop');
    await using database = await target.create(small.record, signal);
    const slowly = async function* () {
      yield small.bytes.subarray(0, 300_000);
      controller.abort();
      yield small.bytes.subarray(300_000);
    };
    await expect(database.load(slowly(), controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await cluster.query(database.name, `SELECT FROM pg_class WHERE oid >= 16384`)).toEqual([]);
    expect(await cluster.query('postgres', `SELECT FROM pg_stat_activity WHERE datname = $1`, [database.name])).toEqual([]);
    expect(await cluster.query('shop', 'SELECT count(*), sum(total) FROM orders')).toEqual(before);
  });

  test('an error in the dump is told with its place and what it is about', async () => {
    const small = await withoutLargeObjects();
    const text = small.bytes.toString('latin1').replace(/(COPY public\.orders \(id, customer_id[^\n]*\n)\d+/, '$1xx');
    const bytes = Buffer.from(text, 'latin1');
    const { loading, tables } = await loadCut({ record: { ...small.record, sizeBytes: bytes.length }, bytes }, {});
    await expect(loading).rejects.toMatchObject({
      code: 'TARGET_FAILED',
      message: expect.stringMatching(
        /Cannot load "plain_shop" into "shop_restore_.*invalid input syntax for type bigint: "xx"; COPY orders, line 1, column id: "xx" \(line \d+ of the dump\)/,
      ),
    });
    expect(tables).toBe(0);
  });

  test('a server that stops in the middle is told as such', async () => {
    await using other = await startPostgres();
    await using target = await engine.target(new Secret(other.url('gone'), 'test'), signal);
    const database = await target.create(shop.record, signal);
    const stopping = async function* () {
      yield shop.bytes.subarray(0, 300_000);
      await other.stop('immediate');
      yield shop.bytes.subarray(300_000);
    };
    await expect(database.load(stopping(), signal)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
    await other.start();
  });
});

let plain: Promise<KeptDump> | undefined;

/** Their COMMIT would keep what came before it, which is why the database is dropped. */
function withoutLargeObjects(): Promise<KeptDump> {
  plain ??= (async () => {
    await createApplication(cluster, 'plain_shop');
    await cluster.query('plain_shop', 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata');
    return dumpDatabase(cluster, 'plain_shop');
  })();
  return plain;
}
