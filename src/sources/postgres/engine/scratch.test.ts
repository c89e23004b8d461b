import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApplication } from '../../../../test/fixtures/application-database.ts';
import { type PostgresCluster, startPostgres } from '../../../../test/fixtures/postgres-cluster.ts';
import { dumpDatabase, dumpGlobals, type KeptDump, pieces, testContext } from '../../../../test/fixtures/postgres-dump.ts';
import type { DumpDetails } from '../../../domain/manifest.ts';
import { Secret } from '../../../domain/secret.ts';
import type { DumpTarget } from '../../../ports/dump-engine.ts';
import { openPostgresEngine } from './postgres-engine.ts';

const signal = new AbortController().signal;
let cluster: PostgresCluster;
let shop: KeptDump;
let parent: string;

beforeAll(async () => {
  cluster = await startPostgres();
  await cluster.query('postgres', 'CREATE ROLE "shop keeper"');
  await createApplication(cluster, 'shop');
  await cluster.query('shop', 'ALTER TABLE orders OWNER TO "shop keeper"');
  shop = await dumpDatabase(cluster, 'shop');
});
afterAll(() => cluster[Symbol.asyncDispose]());

// The parent may not be private: the server's user has to get through it.
beforeEach(async () => {
  parent = await mkdtemp('/var/tmp/hf-drills-');
  await chmod(parent, 0o711);
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const scratch = (dumps = [shop.record], given = signal) =>
  openPostgresEngine(testContext({ HOLDFAST_SCRATCH_DIR: parent })).scratch({ server: null, dumps }, given);
const lent = () =>
  openPostgresEngine(testContext()).scratch({ server: new Secret(cluster.url('postgres'), 'test'), dumps: [shop.record] }, signal);

async function drill(target: DumpTarget, dump: KeptDump): Promise<readonly string[]> {
  const remarks = await target.preflight(dump.record, signal);
  await using database = await target.create(dump.record, signal);
  await database.load(pieces(dump.bytes), signal);
  expect(await database.compare(dump.record, 'full', signal)).toEqual([]);
  return remarks;
}

async function serversIn(directory: string): Promise<number> {
  const commandLines = (await readdir('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
  return (await Promise.all(commandLines)).filter((line) => line.includes(`${directory}/`) && line.includes('postgres\0')).length;
}

const drillDatabases = () =>
  cluster.query<{ datname: string }>('postgres', `SELECT datname FROM pg_database WHERE datname LIKE 'holdfast\\_drill%'`);

describe('a throw-away server', () => {
  test('makes more tables in its one transaction than a server of default settings could', async () => {
    await cluster.createDatabase('many');
    // A server of its size has 64 × 20 locks unless it is told otherwise; each table takes two here.
    await cluster.query(
      'many',
      `DO $$ BEGIN FOR i IN 1..1500 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY)', i); END LOOP; END $$`,
    );
    const many = await dumpDatabase(cluster, 'many');
    await using target = await scratch([many.record]);
    expect(await drill(target, many)).toEqual([]);
  }, 300_000);

  test('proves a dump, makes up roles and says so, and is gone afterwards', async () => {
    {
      await using target = await scratch();
      expect(target.location).toMatch(/^a throw-away PostgreSQL \d+/);
      expect(await drill(target, shop)).toEqual([
        `Made up for the drill, since no backup of roles came with "shop": shop keeper, shop_reader`,
      ]);
      const [name = ''] = await readdir(parent);
      const { mode } = await stat(join(parent, name));
      expect(mode & 0o777).toBe(0o700);
      expect(await serversIn(parent)).toBe(1);
    }
    expect(await readdir(parent)).toEqual([]);
    expect(await serversIn(parent)).toBe(0);
  });

  test('takes roles from a dump of globals, without touching its own superuser', async () => {
    const globals = await dumpGlobals(cluster);
    await using target = await scratch([globals.record, shop.record]);
    expect(await target.loadGlobals(pieces(globals.bytes), signal)).toEqual([]);
    expect(await drill(target, shop)).toEqual([]);
  });

  test('proves two databases, one after the other', async () => {
    await cluster.createDatabase('second');
    await cluster.query('second', 'CREATE TABLE t AS SELECT generate_series(1, 100) AS i');
    const second = await dumpDatabase(cluster, 'second');
    await using target = await scratch([shop.record, second.record]);
    await drill(target, shop);
    expect(await drill(target, second)).toEqual([]);
  });

  test('goes on in byte order when the locale is not on this machine, and says so', async () => {
    const foreign = withDetails(shop, { properties: { ...shop.record.dump.properties, collate: 'xx_YY.UTF-8', ctype: 'xx_YY.UTF-8' } });
    await using target = await scratch();
    expect(await drill(target, foreign)).toContainEqual(expect.stringContaining('The locale of "shop" is not on this machine'));
  });

  test('is gone after a load that failed, and after an abort while it starts or loads', async () => {
    const failing = async () => {
      await using target = await scratch();
      await using database = await target.create(shop.record, signal);
      await database.load(pieces(shop.bytes, { limitBytes: 5000 }), signal);
    };
    await expect(failing()).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
    for (const moment of [1, 100, 400, 'while it loads'] as const) {
      const controller = new AbortController();
      const aborted = async () => {
        await using target = await scratch([shop.record], controller.signal);
        await using database = await target.create(shop.record, controller.signal);
        if (moment === 'while it loads') setTimeout(() => controller.abort(), 300);
        await database.load(beginning(shop.bytes, controller.signal), controller.signal);
      };
      if (moment !== 'while it loads') setTimeout(() => controller.abort(), moment);
      await expect(aborted()).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await readdir(parent)).toEqual([]);
      // What initdb had started dies with it, but is not waited for.
      for (let attempt = 0; attempt < 40 && (await serversIn(parent)) > 0; attempt++) await sleep(50);
      expect(await serversIn(parent)).toBe(0);
    }
  });

  test('goes with a process that is killed', async () => {
    const child = await drillInChild(parent);
    expect(await serversIn(parent)).toBe(1);
    child.kill('SIGKILL');
    for (let attempt = 0; attempt < 200 && (await readdir(parent)).length > 0; attempt++) await sleep(50);
    expect(await readdir(parent)).toEqual([]);
    expect(await serversIn(parent)).toBe(0);
  });

  test('that lost its process and its guard is removed by the next drill; a living one and what is not ours are not', async () => {
    const child = await drillInChild(parent);
    const [debris = ''] = await readdir(parent);
    for (const pid of await guardsOf(join(parent, debris))) process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await serversIn(parent)).toBe(1);
    const foreign = join(parent, 'holdfast-drill-mine');
    await mkdir(foreign);
    await writeFile(join(foreign, 'notes'), 'keep');
    await utimes(foreign, 0, 0);
    await using living = await scratch();
    expect(existsSync(join(parent, debris))).toBe(false);
    expect(await serversIn(parent)).toBe(1);
    await using _another = await scratch();
    expect(await serversIn(parent)).toBe(2);
    await drill(living, shop);
    expect(await readFile(join(foreign, 'notes'), 'utf8')).toBe('keep');
  });

  test('needs server programs as new as the dump', async () => {
    const newer = withDetails(shop, { serverVersion: '99.1' });
    await expect(scratch([newer.record])).rejects.toMatchObject({
      code: 'TOOL_MISSING',
      hint: expect.stringContaining('apt-get install postgresql-99'),
    });
  });

  test('tells a directory in which it cannot work', async () => {
    const engine = (directory: string) => openPostgresEngine(testContext({ HOLDFAST_SCRATCH_DIR: directory }));
    const long = join(parent, 'x'.repeat(100));
    await mkdir(long);
    await expect(engine(long).scratch({ server: null, dumps: [] }, signal)).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringContaining('too long'),
    });
    await expect(engine(join(parent, 'absent')).scratch({ server: null, dumps: [] }, signal)).rejects.toMatchObject({
      code: 'TOOL_FAILED',
    });
    expect(await readdir(long)).toEqual([]);
  });
});

describe('a server that is lent', () => {
  test('holds a scratch database during the drill alone', async () => {
    {
      await using target = await lent();
      expect(await drill(target, shop)).toEqual([]);
      await using _database = await target.create(shop.record, signal);
      expect(await drillDatabases()).toHaveLength(1);
    }
    expect(await drillDatabases()).toEqual([]);
  });

  test('is not given roles, and a missing one is named', async () => {
    const more = withDetails(shop, { requires: { ...shop.record.dump.requires, roles: ['shop keeper', 'nobody here', 'x'] } });
    await using target = await lent();
    await expect(target.preflight(more.record, signal)).rejects.toMatchObject({
      code: 'ROLE_MISSING',
      hint: expect.stringContaining('CREATE ROLE "nobody here"; CREATE ROLE "x";'),
    });
    expect(await target.loadGlobals(pieces(Buffer.from('x')), signal)).toEqual([expect.stringContaining('not loaded')]);
  });

  test('is rid of what a killed drill left by the next one', async () => {
    const child = await drillInChild(parent, cluster.url('postgres'));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await sleep(300);
    const [left] = await drillDatabases();
    expect(await cluster.query(left?.datname ?? '', 'SELECT FROM pg_class WHERE oid >= 16384')).toEqual([]);
    await (await lent())[Symbol.asyncDispose]();
    expect(await drillDatabases()).toEqual([]);
  });
});

function withDetails(dump: KeptDump, details: Partial<DumpDetails>): KeptDump {
  return { ...dump, record: { ...dump.record, dump: { ...dump.record.dump, ...details } } };
}

/** The first comment of a dump and no more: a load that only an abort can end. */
async function* beginning(bytes: Buffer, aborted: AbortSignal): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, 30);
  if (!aborted.aborted) await once(aborted, 'abort');
}

/** A process that is in the middle of loading into a scratch place. */
async function drillInChild(directory: string, server = '') {
  const script = new URL('../../../../test/fixtures/drill-in-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, cluster.url('shop'), server], {
    env: { ...process.env, HOLDFAST_SCRATCH_DIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function guardsOf(directory: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.startsWith('/bin/sh\0') && line.includes(directory)) found.push(Number(pid));
  }
  return found;
}
