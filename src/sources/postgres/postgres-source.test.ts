import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresCluster, startPostgres } from '../../../test/fixtures/postgres-cluster.ts';
import { isHoldfastError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import type { SourceContext } from '../../ports/descriptor.ts';
import type { ByteSink, DumpReport, DumpUnit, Unit } from '../../ports/source.ts';
import { CopyScanner } from './copy-scanner.ts';
import { DumpSource, type DumpSourceOptions } from './dump-source.ts';
import { type PostgresConfig, postgresSchema } from './postgres-config.ts';
import { postgresSource } from './postgres-source.ts';
import { sessionOptions } from './session-settings.ts';

let cluster: PostgresCluster;
let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'hf-source-'));
  cluster = await startPostgres();
  await cluster.createDatabase('odd', 'TEMPLATE template0');
  await cluster.query('odd', await readFile(new URL('odd-database.sql', import.meta.url), 'utf8'));
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const context: SourceContext = {
  name: 'test',
  ownDirectories: [],
  clock: { now: () => new Date(), monotonicMs: () => performance.now() },
  log: quiet,
  environment: { PATH: process.env['PATH'], HOME: '/nowhere' },
};

class Collected implements ByteSink {
  readonly pieces: Buffer[] = [];
  /** Called with the count of bytes so far; a returned promise holds the source back. */
  readonly #on: (sizeBytes: number) => void | Promise<void>;
  #sizeBytes = 0;
  #busy = false;

  constructor(on: (sizeBytes: number) => void | Promise<void> = () => undefined) {
    this.#on = on;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    expect(this.#busy, 'calls must not overlap').toBe(false);
    this.pieces.push(Buffer.from(bytes));
    this.#sizeBytes += bytes.length;
    const waiting = this.#on(this.#sizeBytes);
    if (waiting === undefined) return;
    this.#busy = true;
    return waiting.finally(() => {
      this.#busy = false;
    });
  }

  window(): Uint8Array {
    return new Uint8Array(1024);
  }

  filled(): void {
    expect.unreachable('a dump comes through write');
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString();
  }
}

function configure(given: Record<string, unknown>): PostgresConfig {
  const { url, ...rest } = given;
  return postgresSchema.parse({ ...rest, ...(typeof url === 'string' ? { url: new Secret(url, 'test') } : {}) });
}

function asDump(unit: Unit | undefined): DumpUnit {
  if (unit?.content !== 'dump') throw new Error('it is no dump');
  return unit;
}

interface Dumped {
  readonly unit: DumpUnit;
  readonly report: DumpReport;
  readonly sink: Collected;
}

async function dumpAll(
  given: Record<string, unknown>,
  options: DumpSourceOptions & { sink?: () => Collected; signal?: AbortSignal } = {},
): Promise<Dumped[]> {
  const signal = options.signal ?? new AbortController().signal;
  await using source = new DumpSource(configure(given), context, options);
  const dumped: Dumped[] = [];
  for (const unit of await source.units(signal)) {
    const sink = options.sink?.() ?? new Collected();
    dumped.push({ unit: asDump(unit), sink, report: await asDump(unit).read(sink, signal) });
  }
  return dumped;
}

async function dumpOne(given: Record<string, unknown>, options: Parameters<typeof dumpAll>[1] = {}): Promise<Dumped> {
  const [first] = await dumpAll(given, options);
  if (first === undefined) throw new Error('there is no unit');
  return first;
}

const byTable = ({ details }: DumpReport) => details.tables.toSorted((a, b) => (a.copy < b.copy ? -1 : 1));

/** Runs psql or another client program as the superuser; its standard output. */
async function client(program: string, args: readonly string[], input = '', remarks = /^$/): Promise<string> {
  const child = spawn(join(cluster.binDirectory, program), args, {
    env: { ...cluster.environment, PGOPTIONS: sessionOptions },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(input);
  const [output, errors, [status]] = await Promise.all([readAll(child.stdout), readAll(child.stderr), once(child, 'close')]);
  expect(errors).toMatch(remarks);
  expect(status).toBe(0);
  return output;
}

async function readAll(stream: Readable): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += chunk;
  return text;
}

/** pg_dump puts large objects into a transaction of their own. */
const expectedRemarks = /^(.*WARNING: {2}there is (already a|no) transaction in progress\n)*$/;

async function load(sql: string, database: string): Promise<void> {
  await cluster.createDatabase(database, 'TEMPLATE template0');
  await client(
    'psql',
    ['-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '--single-transaction', '-d', database],
    sql,
    expectedRemarks,
  );
}

describe.each([1, 2, 3])('a database over %i connections', (connections) => {
  let dumped: Dumped;
  beforeAll(async () => {
    dumped = await dumpOne({ url: cluster.url('odd'), connections });
  });

  test('is one plain dump, loaded by psql, whose tables have the recorded rows and digests', async () => {
    const copy = `copy_${connections}`;
    await load(dumped.sink.text, copy);
    const again = await dumpOne({ url: cluster.url(copy), connections: 1 });
    expect(byTable(again.report)).toEqual(byTable(dumped.report));
    const definitions = async (database: string) =>
      (await client('pg_dump', ['--schema-only', '-d', database])).replaceAll(/^\\(un)?restrict .*$/gm, '');
    expect(await definitions(copy)).toBe(await definitions('odd'));
    const state =
      'SELECT last_value FROM tickets UNION ALL SELECT sum(length(lo_get(oid))) FROM pg_largeobject_metadata UNION ALL SELECT count(*) FROM moods';
    expect(await cluster.query(copy, state)).toEqual(await cluster.query('odd', state));
  });

  test('has the tables that pg_dump alone has, byte for byte', async () => {
    const scanner = new CopyScanner();
    await scanner.push(Buffer.from(await client('pg_dump', ['-d', 'odd'])));
    expect(byTable(dumped.report)).toEqual((await scanner.end()).tables.toSorted((a, b) => (a.copy < b.copy ? -1 : 1)));
    const rows = new Map(dumped.report.details.tables.map(({ copy, rows: count }) => [copy, count]));
    expect(rows.get('public."Large" (id, text, nothing)')).toBe(135_000);
    expect(rows.get('public.no_columns')).toBe(2);
    expect(rows.get('public.parent (id, note)')).toBe(1);
  });

  test('has one end, and the same definitions every time', async () => {
    // The other one is in a function's body.
    expect(dumped.sink.text.match(/^-- PostgreSQL database dump complete$/gm)).toHaveLength(2);
    expect(dumped.sink.text.slice(-200)).toContain('\n-- PostgreSQL database dump complete\n');
    const again = await dumpOne({ url: cluster.url('odd'), connections });
    expect(again.report).toEqual(dumped.report);
  });

  test('says what it is and what it needs', () => {
    expect(dumped.unit).toMatchObject({ content: 'dump', name: 'odd', prefix: 'db', folder: 'pgdata', extension: 'sql' });
    expect(dumped.unit.estimatedBytes).toBeGreaterThan(20_000_000);
    expect(dumped.report.details).toMatchObject({
      engine: 'postgres',
      scope: 'database',
      database: 'odd',
      host: `127.0.0.1:${cluster.port}`,
      serverVersion: expect.stringMatching(new RegExp(`^${cluster.major}\\.`)),
      tool: expect.stringMatching(/^pg_dump \d+\.\d+/),
      properties: { encoding: 'UTF8', owner: 'postgres' },
      requires: {
        roles: ['postgres'],
        extensions: [
          { name: 'file_fdw', version: expect.any(String) },
          { name: 'hstore', version: expect.any(String) },
        ],
      },
    });
    expect(dumped.report.issues).toEqual([
      { subject: 'public.elsewhere', problem: 'skipped', severity: 'note', detail: expect.any(String) },
    ]);
  });
});

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it did not fail'),
    (error: unknown) => error,
  );

describe('what a dump holds', () => {
  test('is the moment when the units were listed, and no table can be truncated since', async () => {
    await cluster.createDatabase('moment');
    await cluster.query('moment', 'CREATE TABLE t AS SELECT generate_series(1, 3) AS id; CREATE TABLE gone (id int)');
    const { signal } = new AbortController();
    await using source = postgresSource.open(configure({ url: cluster.url('moment') }), context);
    const [unit] = await source.units(signal);
    await cluster.query('moment', 'INSERT INTO t VALUES (4); CREATE TABLE later (id int)');
    await expect(cluster.query('moment', "SET lock_timeout = '100ms'; TRUNCATE t")).rejects.toThrow('lock timeout');
    await expect(cluster.query('moment', "SET lock_timeout = '100ms'; DROP TABLE gone")).rejects.toThrow('lock timeout');
    const { details } = await asDump(unit).read(new Collected(), signal);
    expect(details.tables.map(({ name, rows }) => [name, rows])).toEqual([
      ['gone', 0],
      ['t', 3],
    ]);
    // Read to its end, it holds nothing any more.
    await cluster.query('moment', "SET lock_timeout = '2s'; TRUNCATE t");
  });

  test('an empty database is a whole dump of nothing', async () => {
    await cluster.createDatabase('nothing in it', 'TEMPLATE template0');
    const { report, sink, unit } = await dumpOne({ url: cluster.url('nothing in it') });
    expect(unit.name).toBe('nothing in it');
    expect(report).toMatchObject({ issues: [], details: { tables: [], requires: { roles: [], extensions: [] } } });
    await load(sink.text, 'still nothing');
  });

  test.each(['LATIN1', 'SQL_ASCII', 'EUC_JP'])('names and rows in %s are what they are', async (encoding) => {
    const database = `in_${encoding.toLowerCase()}`;
    await cluster.createDatabase(database, `TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`);
    const word = encoding === 'EUC_JP' ? '日本' : 'café';
    await cluster.query(
      database,
      `CREATE TABLE "${word}" ("${word}" text); INSERT INTO "${word}" SELECT '${word}' || repeat('x', 1000) FROM generate_series(1, 20000)`,
    );
    await cluster.query(database, `CREATE TABLE ascii AS SELECT * FROM "${word}"`);
    const dumped = await dumpOne({ url: cluster.url(database), connections: 2 });
    expect(dumped.report.details.properties).toMatchObject({ encoding });
    expect(dumped.report.details.tables.map(({ name, copy, rows }) => ({ name, copy, rows }))).toContainEqual({
      name: word,
      copy: `public."${word}" ("${word}")`,
      rows: 20_000,
    });
    const alone = await dumpOne({ url: cluster.url(database), connections: 1 });
    expect(byTable(dumped.report)).toEqual(byTable(alone.report));
  });

  test('every database of a server, and its roles, when asked for', async () => {
    await using own = await startPostgres();
    await own.createDatabase('one');
    await own.createDatabase('globals');
    await own.query('one', "CREATE ROLE app LOGIN PASSWORD 'app-password'; CREATE TABLE t (); ALTER TABLE t OWNER TO app");
    await own.query('postgres', 'CREATE DATABASE closed ALLOW_CONNECTIONS false');
    await own.query('postgres', "ALTER DATABASE one SET search_path = 'app, public'; ALTER DATABASE one SET work_mem = '8MB'");
    const dumped = await dumpAll({ url: own.url('postgres'), databases: 'all', globals: true });
    expect(dumped.map(({ unit }) => unit.name)).toEqual(['globals', 'one', 'postgres', 'globals of the server']);
    expect(dumped[1]?.report.details).toMatchObject({
      requires: { roles: ['app'] },
      properties: { settings: '["search_path=\\"app, public\\"","work_mem=8MB"]' },
    });
    expect(dumped[3]?.report).toMatchObject({
      issues: [],
      details: { scope: 'globals', tables: [], tool: expect.stringMatching(/^pg_dumpall /) },
    });
    expect(dumped[3]?.sink.text).toMatch(/CREATE ROLE app;[^]*PASSWORD 'SCRAM/);

    const asApp = { url: own.url('one', { user: 'app' }), globals: true };
    const [, globals] = await dumpAll(asApp);
    expect(globals?.report.issues).toEqual([
      { subject: 'roles', problem: 'skipped', severity: 'note', detail: expect.stringContaining('passwords') },
    ]);
    expect(globals?.sink.text).toContain('CREATE ROLE app;');
    expect(globals?.sink.text).not.toContain('PASSWORD');
  });
});

describe('what a role may not read', () => {
  beforeAll(async () => {
    await cluster.createDatabase('private');
    await cluster.query(
      'private',
      `CREATE ROLE reader LOGIN; CREATE TABLE open (id int); CREATE TABLE "Secrets" (id int); CREATE SEQUENCE numbers;
      CREATE TABLE "own rows" (id int); ALTER TABLE "own rows" ENABLE ROW LEVEL SECURITY;
      GRANT SELECT ON open, "own rows" TO reader; GRANT SELECT ON SEQUENCE numbers TO reader`,
    );
  });
  const units = () =>
    dumpOne(
      { url: cluster.url('private', { user: 'reader' }) },
      { sink: () => new Collected(() => expect.unreachable('something was written')) },
    );

  test('is refused before anything is written, by name, with the GRANT to run', async () => {
    expect(await failureOf(units())).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('public."Secrets"'),
      hint: expect.stringContaining('GRANT SELECT ON public."Secrets" TO "reader";'),
      details: { tables: ['public."Secrets"'] },
    });
  });

  test('a sequence counts too', async () => {
    await cluster.query('private', 'GRANT SELECT ON "Secrets" TO reader; REVOKE SELECT ON SEQUENCE numbers FROM reader');
    expect(await failureOf(units())).toMatchObject({ code: 'PERMISSION_DENIED', hint: expect.stringContaining('SEQUENCE public.numbers') });
    await cluster.query('private', 'GRANT SELECT ON SEQUENCE numbers TO reader');
  });

  test('rows hidden by a policy are not left out in silence', async () => {
    expect(await failureOf(units())).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('"own rows"'),
      hint: expect.stringContaining('BYPASSRLS'),
    });
    await cluster.query('private', 'ALTER ROLE reader BYPASSRLS');
    expect((await dumpOne({ url: cluster.url('private', { user: 'reader' }) })).report.details.tables).toHaveLength(3);
  });

  test('a large object of somebody else is told by pg_dump', async () => {
    await cluster.query('private', "SELECT lo_from_bytea(0, 'x')");
    expect(await failureOf(dumpOne({ url: cluster.url('private', { user: 'reader' }) }))).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('large object'),
    });
  });
});

describe('a pg_dump that is not to be trusted', () => {
  /** A directory of client programs in which pg_dump is this script; `real` is the true one's path. */
  async function shim(version: string, body: string): Promise<DumpSourceOptions> {
    const directory = await mkdtemp(join(scratch, 'shim-'));
    const real = join(cluster.binDirectory, 'pg_dump');
    await writeFile(
      join(directory, 'pg_dump'),
      `#!/bin/bash\nif [ "$1" = --version ]; then echo "pg_dump (PostgreSQL) ${version}"; exit; fi\nreal=${real}\n${body}\n`,
    );
    await chmod(join(directory, 'pg_dump'), 0o755);
    return { search: { directories: [directory] } };
  }
  const dumpWith = async (body: string, connections: number, version = `${cluster.major}.1`) =>
    await failureOf(dumpOne({ url: cluster.url('odd'), connections }, await shim(version, body)));

  test('too old: refused before anything is read', async () => {
    const refuse = () => new Collected(() => expect.unreachable('something was written'));
    const error = await failureOf(dumpOne({ url: cluster.url('odd') }, { ...(await shim('9.6.24', 'exec $real "$@"')), sink: refuse }));
    expect(error).toMatchObject({
      code: 'TOOL_MISSING',
      message: expect.stringContaining('found 9.6.24'),
      hint: expect.stringContaining(`postgresql-client-${cluster.major}`),
    });
    expect(await dumpWith('echo "pg_dump: error: aborting because of server version mismatch" >&2; exit 1', 1)).toMatchObject({
      code: 'TOOL_MISSING',
    });
  });

  describe.each([1, 2])('over %i connections', (connections) => {
    test('cut short with status 0: incomplete', async () => {
      expect(await dumpWith('$real "$@" | head -c 1000', connections)).toMatchObject({ code: 'DUMP_INCOMPLETE' });
      expect(await dumpWith('$real "$@" | head -n -8', connections)).toMatchObject({ code: 'DUMP_INCOMPLETE' });
      expect(await dumpWith('exit 0', connections)).toMatchObject({ code: 'DUMP_INCOMPLETE' });
    });

    test('whole but ended with an error: failed, with what it said', async () => {
      expect(await dumpWith('$real "$@"; echo "pg_dump: error: out of luck" >&2; exit 1', connections)).toMatchObject({
        code: 'TOOL_FAILED',
        message: expect.stringContaining('out of luck'),
      });
    });

    test('killed by a signal: failed', async () => {
      expect(await dumpWith('$real "$@"; kill -KILL $$', connections)).toMatchObject({
        code: 'TOOL_FAILED',
        message: expect.stringContaining('SIGKILL'),
      });
    });

    test('a table left out: incomplete, by name', async () => {
      expect(await dumpWith('$real "$@" --exclude-table-data=public.typed', connections)).toMatchObject({
        code: 'DUMP_INCOMPLETE',
        message: expect.stringContaining('public.typed is missing'),
      });
    });
  });

  test('a table there twice: incomplete', async () => {
    // As if the tables that we copy had not been left out.
    const without = 'args=(); for a in "$@"; do [[ $a == --exclude-table-data=* ]] || args+=("$a"); done; exec $real "${args[@]}"';
    expect(await dumpWith(without, 2)).toMatchObject({ code: 'DUMP_INCOMPLETE', message: expect.stringContaining('more than once') });
  });

  test('its warnings are passed on', async () => {
    const options = await shim(`${cluster.major}.1`, 'echo "pg_dump: warning: something odd" >&2; exec $real "$@"');
    const { report } = await dumpOne({ url: cluster.url('odd'), connections: 2 }, options);
    expect(report.issues).toContainEqual({
      subject: 'odd',
      problem: 'attributes',
      severity: 'note',
      detail: 'pg_dump: warning: something odd',
    });
  });

  test('passwords and names are in no argument', async () => {
    const log = join(scratch, 'arguments');
    const options = await shim(`${cluster.major}.1`, `echo "$0 $@" >> ${log}; exec $real "$@"`);
    await dumpOne({ url: cluster.url('odd', { user: 'postgres', password: 's3cret' }), connections: 2 }, options);
    const text = await readFile(log, 'utf8');
    expect(text).toContain('--section=pre-data');
    expect(text).not.toContain('s3cret');
  });
});

describe.each([1, 2])('over %i connections, interrupted', (connections) => {
  /** Nobody of ours is left on the server. */
  const expectNobody = () =>
    expect
      .poll(
        () =>
          cluster.query(
            'postgres',
            "SELECT application_name, query FROM pg_stat_activity WHERE application_name IN ('holdfast', 'pg_dump')",
          ),
        { timeout: 10_000 },
      )
      .toEqual([]);

  test('by the signal: cancelled, and nothing is left running', async () => {
    for (const atBytes of [1, 5_000_000]) {
      const controller = new AbortController();
      const sink = () => new Collected((sizeBytes) => (sizeBytes >= atBytes ? controller.abort() : undefined));
      expect(await failureOf(dumpOne({ url: cluster.url('odd'), connections }, { sink, signal: controller.signal }))).toMatchObject({
        code: 'CANCELLED',
      });
      await expectNobody();
    }
  });

  test('by a store that fails: its error comes through', async () => {
    const sink = () => new Collected((sizeBytes) => (sizeBytes > 5_000_000 ? Promise.reject(new Error('disk full')) : undefined));
    expect(await failureOf(dumpOne({ url: cluster.url('odd'), connections }, { sink }))).toMatchObject({ message: 'disk full' });
    await expectNobody();
  });

  test('by a slow store: held back, and complete in the end', async () => {
    let waits = 0;
    const sink = () => new Collected(() => (++waits % 7 === 0 ? sleep(1) : undefined));
    expect((await dumpOne({ url: cluster.url('odd'), connections }, { sink })).report.details.tables.length).toBeGreaterThan(10);
  });

  test('by the end of the server: failed, and not mistaken for a dump', async () => {
    await using own = await startPostgres();
    await own.createDatabase('big');
    await own.query('big', "CREATE TABLE t AS SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i");
    const stopping: Promise<void>[] = [];
    const sink = () =>
      new Collected((sizeBytes) => {
        if (sizeBytes > 1_000_000 && stopping.length === 0) stopping.push(own.stop('immediate'));
      });
    const error = await failureOf(dumpOne({ url: own.url('big'), connections }, { sink }));
    expect(isHoldfastError(error)).toBe(true);
    expect(error).toMatchObject({ code: 'SERVER_UNREACHABLE' });
    await Promise.all(stopping);
  });
});

describe('a server in a container', () => {
  /** Stands in for the docker client: runs the command here, with the variables that were named and no others. */
  const docker = `#!/bin/bash
[ "$1" = exec ] && [ "$2" = -i ] || exit 2
shift 2
given=(PATH=$HOLDFAST_TEST_PATH)
while [ "$1" = -e ]; do given+=("$2=\${!2}"); shift 2; done
[ "$1" = db ] || { echo "Error: No such container: $1" >&2; exit 1; }
shift
exec env -i "\${given[@]}" "$@"
`;
  let environment: Record<string, string>;
  beforeAll(async () => {
    await writeFile(join(scratch, 'docker'), docker.replace('$HOLDFAST_TEST_PATH', `${cluster.binDirectory}:${process.env['PATH']}`), {
      mode: 0o755,
    });
    environment = { HOME: '/nowhere', PATH: `${scratch}:${process.env['PATH']}` };
  });
  const config = () => configure({ container: 'db', port: cluster.port, database: 'odd' });

  async function dumpIn(given: Record<string, string>, signal: AbortSignal, sink = new Collected()): Promise<Dumped> {
    await using source = new DumpSource(config(), { ...context, environment: given });
    const [unit] = await source.units(signal);
    return { unit: asDump(unit), sink, report: await asDump(unit).read(sink, signal) };
  }

  test('is read by its own programs, through the docker client', async () => {
    const { report, sink } = await dumpIn(environment, new AbortController().signal);
    const direct = await dumpOne({ url: cluster.url('odd'), connections: 1 });
    expect(report).toEqual(direct.report);
    expect(sink.text.length).toBe(direct.sink.text.length);
  });

  test('that stops being wanted leaves no program behind', async () => {
    const controller = new AbortController();
    const sink = new Collected((sizeBytes) => (sizeBytes > 1_000_000 ? controller.abort() : undefined));
    expect(await failureOf(dumpIn(environment, controller.signal, sink))).toMatchObject({ code: 'CANCELLED' });
    await expect
      .poll(() => cluster.query('postgres', "SELECT query FROM pg_stat_activity WHERE application_name IN ('holdfast', 'pg_dump')"), {
        timeout: 10_000,
      })
      .toEqual([]);
  });

  test('that is not there is told by name', async () => {
    await using source = new DumpSource(configure({ container: 'absent', database: 'odd' }), { ...context, environment });
    expect(await failureOf(source.units(new AbortController().signal))).toMatchObject({ message: expect.stringContaining('absent') });
  });
});

describe('the configuration', () => {
  test('wants either a URL or its parts, and knows its keys', () => {
    const problems = (given: Record<string, unknown>) =>
      postgresSchema.safeParse(given).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];
    expect(problems({ url: new Secret('postgres://h/d', 'test'), host: 'h' })[0]).toMatch(/^url cannot stand beside host/);
    expect(problems({ databases: ['a', 'a'] })).toEqual(['databases names a database twice']);
    expect(problems({ databases: [] })[0]).toMatch(/^databases/);
    expect(problems({ conections: 2 })[0]).toContain('conections');
    expect(problems({})).toEqual([]);
  });

  test('names its units when it can', () => {
    const names = (given: Record<string, unknown>) => postgresSource.unitNames?.(configure(given));
    expect(names({ url: 'postgres://h/shop' })).toEqual(['shop']);
    expect(names({ databases: ['a', 'b'], globals: true })).toEqual(['a', 'b', 'globals']);
    expect(names({ url: 'postgres://h/shop', databases: 'all' })).toBeNull();
    expect(names({ host: 'h' })).toBeNull();
    expect(postgresSource.defaultName(configure({ url: 'postgres://h/shop' }))).toBe('shop');
    expect(postgresSource.defaultName(configure({ databases: 'all' }))).toBe('postgres');
  });

  test('in parts or in the environment means the same as a URL', async () => {
    const parts = { host: '127.0.0.1', port: cluster.port, user: 'postgres', database: 'odd' };
    const { report } = await dumpOne(parts);
    const environment = {
      ...context.environment,
      PGHOST: '127.0.0.1',
      PGPORT: String(cluster.port),
      PGUSER: 'postgres',
      PGDATABASE: 'odd',
      PGCLIENTENCODING: 'LATIN1',
      PGTZ: 'Asia/Tokyo',
    };
    await using source = postgresSource.open(configure({}), { ...context, environment });
    const { signal } = new AbortController();
    const [unit] = await source.units(signal);
    expect((await asDump(unit).read(new Collected(), signal)).details).toEqual(report.details);
  });
});
