import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApplication } from '../../../../test/fixtures/application-database.ts';
import { type PostgresCluster, startPostgres } from '../../../../test/fixtures/postgres-cluster.ts';
import { dumpDatabase, type KeptDump, pieces, testContext } from '../../../../test/fixtures/postgres-dump.ts';
import { Secret } from '../../../domain/secret.ts';
import type { LoadingDatabase } from '../../../ports/dump-engine.ts';
import { openPostgresEngine } from './postgres-engine.ts';

const signal = new AbortController().signal;
const time: { stoppedAt: Date | null } = { stoppedAt: null };
const engine = openPostgresEngine({
  ...testContext(),
  clock: { now: () => time.stoppedAt ?? new Date(), monotonicMs: () => performance.now() },
});
let cluster: PostgresCluster;
let dump: KeptDump;

beforeAll(async () => {
  cluster = await startPostgres();
  await createApplication(cluster, 'origin');
  dump = await dumpDatabase(cluster, 'origin');
});
afterAll(() => cluster[Symbol.asyncDispose]());

const openTarget = (database: string, as?: { user: string }) => engine.target(new Secret(cluster.url(database, as), 'test'), signal);
const like = (name: string) =>
  cluster.query<{ datname: string; datallowconn: boolean }>(
    'postgres',
    'SELECT datname, datallowconn FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1',
    [name],
  );

async function loaded<T>(live: string, use: (database: LoadingDatabase) => Promise<T>): Promise<T> {
  await using target = await openTarget(live);
  await using database = await target.create(dump.record, signal);
  await database.load(pieces(dump.bytes), signal);
  return await use(database);
}

describe('promote()', () => {
  test('puts the restored database in the place of the live one, and keeps that under a dated name, closed', async () => {
    await cluster.createDatabase('app');
    await cluster.query('app', 'CREATE TABLE only_here (i int)');
    const { name, oldName } = await loaded('app', (database) => database.promote(signal));
    expect(name).toBe('app');
    expect(oldName).toMatch(/^app_old_\d{8}_\d{6}$/);
    expect(await like('app')).toEqual([
      { datname: 'app', datallowconn: true },
      { datname: oldName, datallowconn: false },
    ]);
    expect(await cluster.query('app', `SELECT count(*)::int AS n FROM orders`)).toEqual([{ n: 9897 }]);
    await cluster.query('postgres', `ALTER DATABASE ${oldName} ALLOW_CONNECTIONS true`);
    expect(await cluster.query(oldName ?? '', 'SELECT FROM only_here')).toEqual([]);
  });

  /** What a dump without `--create` leaves out. */
  const attributesOf = async (name: string) =>
    await cluster.query(
      'postgres',
      `SELECT pg_get_userbyid(datdba) AS owner, datconnlimit, shobj_description(d.oid, 'pg_database') AS comment,
        (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a) AS acl,
        (SELECT array_agg(CASE setrole WHEN 0 THEN '' ELSE pg_get_userbyid(setrole) END || ' ' || array_to_string(setconfig, '; ') ORDER BY setrole)
          FROM pg_db_role_setting WHERE setdatabase = d.oid) AS settings
      FROM pg_database d WHERE datname = $1`,
      [name],
    );

  describe('under a name that no database has', () => {
    beforeAll(async () => {
      await cluster.createDatabase('mine');
      await cluster.query(
        'postgres',
        `CREATE ROLE keeper; CREATE ROLE "the clerk"; CREATE ROLE leaver; ALTER DATABASE mine OWNER TO keeper;
        ALTER DATABASE mine SET search_path TO reporting, "$user", public; ALTER ROLE "the clerk" IN DATABASE mine SET work_mem = '9MB';
        ALTER ROLE leaver IN DATABASE mine SET work_mem = '8MB';
        REVOKE ALL ON DATABASE mine FROM PUBLIC; GRANT CONNECT ON DATABASE mine TO "the clerk" WITH GRANT OPTION; GRANT TEMPORARY ON DATABASE mine TO leaver;
        ALTER DATABASE mine CONNECTION LIMIT 5; COMMENT ON DATABASE mine IS 'it''s mine'`,
      );
    });

    async function restoreMine(name: string, record: KeptDump): Promise<readonly string[]> {
      await using target = await openTarget(name);
      await using database = await target.create(record.record, signal);
      await database.load(pieces(record.bytes), signal);
      const { oldName, remarks } = await database.promote(signal);
      expect(oldName).toBeNull();
      return remarks;
    }

    test('has owner, settings, grants, limit and comment of the one that was backed up', async () => {
      const mine = await dumpDatabase(cluster, 'mine');
      expect(await restoreMine('fresh', mine)).toEqual([]);
      expect(await attributesOf('fresh')).toEqual(await attributesOf('mine'));
      expect(await attributesOf('fresh')).toMatchObject([{ owner: 'keeper', datconnlimit: 5, comment: "it's mine" }]);
    });

    test('goes without what is for a role that is not there, and says so', async () => {
      const mine = await dumpDatabase(cluster, 'mine');
      await cluster.query('postgres', 'DROP DATABASE IF EXISTS fresh');
      await cluster.query(
        'postgres',
        `ALTER ROLE leaver IN DATABASE mine RESET ALL; REVOKE ALL ON DATABASE mine FROM leaver; DROP ROLE leaver`,
      );
      const remarks = await restoreMine('other', mine);
      expect(remarks).toHaveLength(2);
      for (const remark of remarks) expect(remark).toContain('role "leaver" does not exist');
      expect(await attributesOf('other')).toEqual(await attributesOf('mine'));
    });

    test('has what an older manifest knows: the owner and the settings', async () => {
      const mine = await dumpDatabase(cluster, 'mine');
      const { owner = null, settings = null, encoding = null } = mine.record.dump.properties;
      const record = { ...mine.record, dump: { ...mine.record.dump, properties: { owner, settings, encoding } } };
      expect(await restoreMine('older', { ...mine, record })).toEqual([]);
      expect(await attributesOf('older')).toMatchObject([{ owner: 'keeper', datconnlimit: -1, comment: null, acl: null }]);
      expect(await cluster.query('older', `SHOW search_path`)).toEqual([{ search_path: 'reporting, "$user", public' }]);
    });

    test('is refused when the manifest grants what is no privilege', async () => {
      const mine = await dumpDatabase(cluster, 'mine');
      const grants = JSON.stringify([
        { grantee: null, privilege: 'CONNECT ON DATABASE mine TO PUBLIC; DROP DATABASE mine; --', grantable: false },
      ]);
      const record = { ...mine.record, dump: { ...mine.record.dump, properties: { ...mine.record.dump.properties, grants } } };
      await expect(restoreMine('evil', { ...mine, record })).rejects.toMatchObject({ code: 'MANIFEST_INVALID' });
      expect(await like('mine')).toHaveLength(1);
    });
  });

  test('keeps owner, settings, grants, limit and comment of the live database', async () => {
    await cluster.createDatabase('app2');
    await cluster.query(
      'postgres',
      `CREATE ROLE "app owner"; CREATE ROLE reader; CREATE ROLE writer;
      ALTER DATABASE app2 OWNER TO "app owner";
      ALTER DATABASE app2 SET work_mem = '17MB'; ALTER DATABASE app2 SET search_path = "a,b", '$user', public; ALTER DATABASE app2 SET "my.setting" = 'it''s \\ here';
      ALTER ROLE reader IN DATABASE app2 SET statement_timeout = '5s';
      REVOKE ALL ON DATABASE app2 FROM PUBLIC; GRANT CONNECT ON DATABASE app2 TO reader; GRANT CREATE ON DATABASE app2 TO writer WITH GRANT OPTION;
      ALTER DATABASE app2 CONNECTION LIMIT 7; COMMENT ON DATABASE app2 IS 'The app''s; "database"'`,
    );
    const attributes = `SELECT pg_get_userbyid(datdba) AS owner, datconnlimit, shobj_description(d.oid, 'pg_database') AS comment,
      (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a) AS acl,
      (SELECT array_agg(setrole::regrole::text || ' ' || array_to_string(setconfig, '; ') ORDER BY 1) FROM (SELECT * FROM pg_db_role_setting WHERE setdatabase = d.oid ORDER BY setrole) s) AS settings
      FROM pg_database d WHERE datname = 'app2'`;
    const before = await cluster.query('postgres', attributes);
    await loaded('app2', (database) => database.promote(signal));
    expect(await cluster.query('postgres', attributes)).toEqual(before);
    expect(await cluster.query('app2', 'SELECT count(*)::int AS n FROM customers')).toEqual([{ n: 2000 }]);
  });

  test('wins against clients that reconnect without rest, and they go on with the restored data', async () => {
    await cluster.createDatabase('busy');
    await cluster.query('busy', 'CREATE TABLE customers (i int)');
    await using clients = startClients('busy', 6);
    await clients.untilServed(50);
    await loaded('busy', async (database) => {
      expect(await database.promote(signal)).toMatchObject({ name: 'busy' });
    });
    const served = clients.served();
    await clients.untilServed(served + 50);
    expect(clients.lastCount()).toBe('2000');
  });

  test('that cannot be done leaves the live database as it was, open, and nothing beside it', async () => {
    await cluster.createDatabase('held');
    await cluster.query('held', 'CREATE TABLE precious (i int)');
    await loaded('held', async (database) => {
      // The name that the old one would get is taken: the first rename fails.
      time.stoppedAt = new Date('2026-01-02T03:04:05Z');
      await cluster.createDatabase('held_old_20260102_030405');
      await expect(database.promote(signal)).rejects.toMatchObject({
        code: 'TARGET_FAILED',
        message: expect.stringContaining('already exists'),
      });
      time.stoppedAt = null;
    });
    expect((await like('held')).map(({ datallowconn }) => datallowconn)).toEqual([true, true]);
    expect(await cluster.query('held', 'SELECT FROM precious')).toEqual([]);
  });

  test('a role without the right to end other sessions gets an error, and the live database stays', async () => {
    await cluster.query('postgres', `CREATE ROLE small LOGIN CREATEDB`);
    await cluster.createDatabase('theirs', 'OWNER small');
    await cluster.query('theirs', 'CREATE TABLE t (i int); INSERT INTO t VALUES (1); ALTER TABLE t OWNER TO small');
    const theirs = await dumpDatabase(cluster, 'theirs');
    const holder = await cluster.connect('theirs');
    await using target = await openTarget('theirs', { user: 'small' });
    await using database = await target.create(theirs.record, signal);
    await database.load(pieces(theirs.bytes), signal);
    await expect(database.promote(signal)).rejects.toMatchObject({ code: 'TARGET_FAILED', message: expect.stringContaining('superuser') });
    expect((await holder.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 1 }]);
    await holder.end();
    expect(await database.promote(signal)).toMatchObject({ name: 'theirs' });
  });

  test('names of 63 bytes are kept, and the old one is shortened at a character', async () => {
    const live = 'ж'.repeat(31);
    await cluster.createDatabase(live);
    const { name, oldName } = await loaded(live, (database) => database.promote(signal));
    expect(name).toBe(live);
    expect(oldName).toMatch(/^ж{21}_old_\d{8}_\d{6}$/);
    expect((await like('жж')).map(({ datname }) => datname)).toEqual([oldName, live]);
  });

  test('a process killed at any moment of it leaves the live name with a database that takes connections', async () => {
    await cluster.createDatabase('killed');
    await cluster.createDatabase('tiny');
    await cluster.query('tiny', 'CREATE TABLE t (i int)');
    for (const delayMs of [0, 2, 5, 10, 20, 40, 80]) {
      const child = await promoteInChild('tiny', 'killed');
      const exit = once(child, 'exit');
      await sleep(delayMs);
      child.kill('SIGKILL');
      await exit;
      await sleep(150);
      expect(await cluster.query('killed', 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    }
    // The next restore removes what the killed ones made.
    await (await openTarget('killed'))[Symbol.asyncDispose]();
    expect((await like('killed_restore')).length).toBe(0);
  });

  test('is seen through by the server when the process dies in the middle of it', async () => {
    await cluster.createDatabase('midway');
    await cluster.createDatabase('little');
    await cluster.query('little', 'CREATE TABLE restored (i int)');
    // The rename waits for this one, which is in another database and so is not ended.
    const holder = await cluster.connect('postgres');
    await holder.query(`BEGIN; COMMENT ON DATABASE midway IS 'being worked on'`);
    const child = await promoteInChild('little', 'midway');
    const exit = once(child, 'exit');
    await untilRefused('midway');
    child.kill('SIGKILL');
    await exit;
    await holder.query('ROLLBACK');
    await holder.end();
    for (let attempt = 0; attempt < 200 && (await like('midway_old')).length === 0; attempt++) await sleep(50);
    expect((await like('midway')).map(({ datname }) => datname)).toEqual(['midway', expect.stringMatching(/^midway_old_/)]);
    expect(await cluster.query('midway', 'SELECT FROM restored')).toEqual([]);
  });

  test('opens the live database again when its own session is ended in the middle', async () => {
    await cluster.createDatabase('ended');
    const holder = await cluster.connect('postgres');
    await loaded('ended', async (database) => {
      await holder.query(`BEGIN; COMMENT ON DATABASE ended IS 'being worked on'`);
      const promoting = database.promote(signal);
      await Promise.all([
        expect(promoting).rejects.toMatchObject({ code: 'TARGET_FAILED' }),
        untilRefused('ended').then(() =>
          cluster.query('postgres', `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO $swap$%'`),
        ),
      ]);
      await holder.query('ROLLBACK');
    });
    await holder.end();
    expect(await like('ended')).toContainEqual({ datname: 'ended', datallowconn: true });
    await (await openTarget('ended'))[Symbol.asyncDispose]();
    expect((await like('ended')).map(({ datname }) => datname)).toEqual(['ended']);
  });
});

test('what a living process loads is left alone, whatever database another one is connected to', async () => {
  await loaded('shared', async ({ name }) => {
    for (const database of ['app', 'postgres']) await (await openTarget(database))[Symbol.asyncDispose]();
    expect(await like('shared')).toEqual([{ datname: name, datallowconn: true }]);
  });
  expect(await like('shared')).toEqual([]);
});

describe('undo()', () => {
  const commentOf = async (name: string) =>
    await cluster.query('postgres', `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`, [name]);

  test('gives the live name back to the database that had it, open, with its comment, and drops the restored one', async () => {
    await cluster.createDatabase('undone');
    await cluster.query('undone', `CREATE TABLE only_here (i int); COMMENT ON DATABASE undone IS 'ours'`);
    await loaded('undone', async (database) => {
      const { undo } = await database.promote(signal);
      expect(await cluster.query('undone', `SELECT count(*)::int AS n FROM orders`)).toEqual([{ n: 9897 }]);
      await undo();
      expect(await like('undone')).toEqual([
        { datname: 'undone', datallowconn: true },
        { datname: database.name, datallowconn: false },
      ]);
      // Should this process die now, the next one finds it.
      expect(await commentOf(database.name)).toMatchObject([{ comment: expect.stringContaining('Being restored by Holdfast') }]);
    });
    expect(await like('undone')).toEqual([{ datname: 'undone', datallowconn: true }]);
    expect(await cluster.query('undone', 'SELECT FROM only_here')).toEqual([]);
    expect(await commentOf('undone')).toEqual([{ comment: 'ours' }]);
  });

  test('frees a name that no database had', async () => {
    await loaded('nobody', async (database) => await (await database.promote(signal)).undo());
    expect(await like('nobody')).toEqual([]);
  });

  test('can be done by hand with the command that is told', async () => {
    await cluster.createDatabase('byhand');
    await cluster.query('byhand', 'CREATE TABLE only_here (i int)');
    const { undoCommand } = await loaded('byhand', (database) => database.promote(signal));
    await promisify(execFile)('sh', ['-c', undoCommand]);
    expect(await cluster.query('byhand', 'SELECT FROM only_here')).toEqual([]);
  });

  test('of tables takes their schema away', async () => {
    await cluster.createDatabase('tables');
    await loaded('tables', async (database) => {
      const { schema, undo } = await database.transplant([{ schema: 'public', name: 'attachments' }], signal);
      const exists = () => cluster.query('tables', 'SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
      expect(await exists()).toHaveLength(1);
      await undo();
      expect(await exists()).toEqual([]);
    });
  });
});

describe('a target', () => {
  test('removes databases that a killed restore left, and leaves those of living ones alone', async () => {
    await using living = await openTarget('debris');
    await using database = await living.create(dump.record, signal);
    const dead = await (await openTarget('debris')).create(dump.record, signal);
    await cluster.query(
      'postgres',
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <>
      (SELECT pid FROM pg_locks WHERE locktype = 'advisory' ORDER BY pid LIMIT 1)`,
    );
    await (await openTarget('debris'))[Symbol.asyncDispose]();
    expect((await like('debris')).map(({ datname }) => datname)).toEqual([database.name]);
    expect(dead.name).not.toBe(database.name);
  });
});

async function untilRefused(database: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if ((await like(database)).some(({ datname, datallowconn }) => datname === database && !datallowconn)) return;
    await sleep(10);
  }
  throw new Error('The swap has not begun');
}

/** A process that loads the dump and says "ready" just before it promotes. */
async function promoteInChild(from: string, live: string): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [new URL('../../../../test/fixtures/promote-in-child.ts', import.meta.url).pathname, cluster.url(from), cluster.url(live)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  return child;
}

function startClients(database: string, count: number) {
  const state = { going: true, served: 0, lastCount: '' };
  const work = async () => {
    while (state.going) {
      const client = new pg.Client({ connectionString: cluster.url(database) });
      client.on('error', () => undefined);
      try {
        await client.connect();
        const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM customers');
        state.lastCount = rows[0]?.count ?? '';
        state.served++;
      } catch {
        // Refused or ended: comes back at once, as a pool does.
        await sleep(1);
      }
      await client.end().catch(() => undefined);
    }
  };
  const workers = Array.from({ length: count }, work);
  return {
    served: () => state.served,
    lastCount: () => state.lastCount,
    async untilServed(total: number) {
      for (let attempt = 0; state.served < total && attempt < 2000; attempt++) await sleep(5);
      expect(state.served).toBeGreaterThanOrEqual(total);
    },
    async [Symbol.asyncDispose]() {
      state.going = false;
      await Promise.all(workers);
    },
  };
}
