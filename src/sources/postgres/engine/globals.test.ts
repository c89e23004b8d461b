import { chown, mkdir, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresCluster, startPostgres } from '../../../../test/fixtures/postgres-cluster.ts';
import { dumpDatabase, dumpGlobals, pieces, testContext } from '../../../../test/fixtures/postgres-dump.ts';
import { Secret } from '../../../domain/secret.ts';
import { openPostgresEngine } from './postgres-engine.ts';

const signal = new AbortController().signal;
const engine = openPostgresEngine(testContext());
let source: PostgresCluster;
let other: PostgresCluster;

beforeAll(async () => {
  [source, other] = await Promise.all([startPostgres(), startPostgres()]);
});
afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

const roles = `SELECT rolname, rolcanlogin, rolpassword, rolconnlimit, shobj_description(oid, 'pg_authid') AS comment, (SELECT setconfig FROM pg_db_role_setting WHERE setrole = a.oid AND setdatabase = 0) AS settings,
  (SELECT array_agg(roleid::regrole::text ORDER BY 1) FROM (SELECT * FROM pg_auth_members WHERE member = a.oid ORDER BY roleid) AS m) AS "memberOf" FROM pg_authid a WHERE rolname !~ '^pg_' AND rolname <> 'postgres' ORDER BY 1`;

describe('loadGlobals()', () => {
  test('makes the roles that are missing as they were, and leaves those that are there as they are', async () => {
    await source.query(
      'postgres',
      `CREATE ROLE team; CREATE ROLE "o'brien ""x""; --" LOGIN PASSWORD 'one;''two' CONNECTION LIMIT 3; GRANT team TO "o'brien ""x""; --";
      COMMENT ON ROLE team IS E'a\\nCREATE ROLE trap;\\n;'; ALTER ROLE team SET search_path = a, "b;c"; CREATE ROLE kept LOGIN PASSWORD 'from the backup'; GRANT team TO kept`,
    );
    await other.query('postgres', `CREATE ROLE kept LOGIN PASSWORD 'of today' CONNECTION LIMIT 9`);
    const [before] = await other.query('postgres', `SELECT rolpassword FROM pg_authid WHERE rolname = 'kept'`);
    const globals = await dumpGlobals(source);
    await using target = await engine.target(new Secret(other.url('app'), 'test'), signal);
    expect(await target.preflight(globals.record, signal)).toEqual([]);
    expect(await target.loadGlobals(pieces(globals.bytes, { sizeBytes: 7 }), signal)).toEqual([]);
    const expected = (await source.query<{ rolname: string }>('postgres', roles)).map((role) =>
      role.rolname === 'kept' ? { ...role, rolpassword: before?.['rolpassword'], rolconnlimit: 9, memberOf: null } : role,
    );
    expect(expected.length).toBe(3);
    expect(await other.query('postgres', roles)).toEqual(expected);
    expect(await target.loadGlobals(pieces(globals.bytes), signal)).toEqual([]);
  });

  test('tells what could not be made and makes the rest', async () => {
    const sql = `CREATE TABLESPACE lost LOCATION '/nowhere/at/all';\nCREATE ROLE late;\n\n--\n-- PostgreSQL database cluster dump complete\n--\n`;
    await using target = await engine.target(new Secret(other.url('app'), 'test'), signal);
    expect(await target.loadGlobals(pieces(Buffer.from(sql)), signal)).toEqual([expect.stringContaining('/nowhere/at/all')]);
    expect(await other.query('postgres', `SELECT FROM pg_roles WHERE rolname = 'late'`)).toHaveLength(1);
  });

  test('refuses a dump that is cut short', async () => {
    const globals = await dumpGlobals(source);
    await using target = await engine.target(new Secret(other.url('app'), 'test'), signal);
    await expect(target.loadGlobals(pieces(globals.bytes, { limitBytes: globals.bytes.length - 200 }), signal)).rejects.toMatchObject({
      code: 'DUMP_INCOMPLETE',
    });
  });

  test('gives a throw-away server directories of its own for tablespaces', async () => {
    const place = `${source.dataDirectory} fast disk`;
    const { uid, gid } = await stat(source.dataDirectory);
    await mkdir(place);
    await chown(place, uid, gid);
    await source.query('postgres', `CREATE TABLESPACE "fast disk" LOCATION '${place}'`);
    await source.createDatabase('spread');
    await source.query('spread', 'CREATE TABLE t TABLESPACE "fast disk" AS SELECT generate_series(1, 10) AS i');
    const globals = await dumpGlobals(source);
    const spread = await dumpDatabase(source, 'spread');
    await using target = await engine.scratch({ server: null, dumps: [globals.record, spread.record] }, signal);
    expect(await target.loadGlobals(pieces(globals.bytes), signal)).toEqual([]);
    await target.preflight(spread.record, signal);
    await using database = await target.create(spread.record, signal);
    await database.load(pieces(spread.bytes), signal);
    expect(await database.compare(spread.record, 'full', signal)).toEqual([]);
  });
});
