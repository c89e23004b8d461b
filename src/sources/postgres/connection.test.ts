import { execFile } from 'node:child_process';
import { chown, chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresCluster, startPostgres } from '../../../test/fixtures/postgres-cluster.ts';
import { Secret } from '../../domain/secret.ts';
import { connect } from './connection.ts';
import { copyOut } from './copy-receiver.ts';
import { addressFromUrl } from './server-address.ts';

const run = promisify(execFile);
const { signal } = new AbortController();
const environment = { HOME: '/nowhere' };

let cluster: PostgresCluster;
let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'hf-connection-'));
  await chmod(scratch, 0o755);
  cluster = await startPostgres({ auth: 'scram' });
  await enableTls(cluster);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

/** A certificate for the name `localhost`, signed by itself. */
async function enableTls(server: PostgresCluster): Promise<void> {
  const [key, certificate] = [join(scratch, 'server.key'), join(scratch, 'server.crt')];
  await run('openssl', [
    'req',
    '-new',
    '-x509',
    '-days',
    '2',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
    '-keyout',
    key,
    '-out',
    certificate,
  ]);
  const owner = await stat(server.dataDirectory);
  await chown(key, owner.uid, owner.gid);
  await chmod(key, 0o600);
  await server.query('postgres', `ALTER SYSTEM SET ssl_key_file = '${key}'`);
  await server.query('postgres', `ALTER SYSTEM SET ssl_cert_file = '${certificate}'`);
  await server.query('postgres', 'ALTER SYSTEM SET ssl = on');
  await server.query('postgres', 'SELECT pg_reload_conf()');
}

const open = (url: string, given: Record<string, string> = environment, abort = signal) =>
  connect({ address: addressFromUrl(new Secret(url, 'test'), given), signal: abort });
const withPassword = (password: string) => cluster.url('postgres', { user: cluster.superuser, password });

async function usesTls(url: string): Promise<boolean> {
  await using session = await open(url);
  const [row] = await session.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  return row?.ssl === true;
}

describe('connect()', () => {
  test('fixes how rows look, whatever the database says', async () => {
    await cluster.createDatabase('peculiar');
    for (const setting of [
      "timezone = 'Asia/Tokyo'",
      "datestyle = 'German'",
      'extra_float_digits = 0',
      "bytea_output = 'escape'",
      "intervalstyle = 'iso_8601'",
      "search_path = 'x'",
    ]) {
      await cluster.query('postgres', `ALTER DATABASE peculiar SET ${setting}`);
    }
    await using session = await open(cluster.url('peculiar'));
    expect(session).toMatchObject({ database: 'peculiar', serverMajor: cluster.major });
    const rows = await session.query(`SELECT timestamptz '2024-01-02 03:04:05+00'::text AS at, (0.1::float8 + 0.2)::text AS number,
      '\\x00ff'::bytea::text AS bytes, interval '1 day 2 hours'::text AS span, current_setting('search_path') AS path`);
    expect(rows).toEqual([
      { at: '2024-01-02 03:04:05+00', number: '0.30000000000000004', bytes: '\\x00ff', span: '1 day 02:00:00', path: '' },
    ]);
  });

  test('takes the password from the URL, the environment or the password file', async () => {
    const bare = cluster.url('postgres', { user: cluster.superuser });
    const passfile = join(scratch, 'pgpass');
    await writeFile(passfile, `*:*:*:${cluster.superuser}:${cluster.password?.replaceAll(/[\\:]/g, '\\$&')}\n`, { mode: 0o600 });
    await using _url = await open(cluster.url('postgres'));
    await using _environment = await open(bare, { ...environment, PGPASSWORD: cluster.password ?? '' });
    await using _file = await open(bare, { ...environment, PGPASSFILE: passfile });
  });

  test('a wrong or missing password is told as such, and never shown', async () => {
    const error = await open(withPassword('s3cret-guess')).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'CREDENTIALS_REJECTED' });
    expect(JSON.stringify({ ...(error as object), message: (error as Error).message })).not.toContain('s3cret-guess');
    await expect(open(cluster.url('postgres', { user: cluster.superuser }))).rejects.toMatchObject({
      code: 'CREDENTIALS_REJECTED',
      hint: expect.stringContaining('PGPASSWORD'),
    });
  });

  test('an unknown database and an absent server are told apart', async () => {
    await expect(open(cluster.url('nothing'))).rejects.toMatchObject({
      code: 'DATABASE_UNKNOWN',
      message: expect.stringContaining('"nothing"'),
    });
    await expect(open('postgres://u:p@127.0.0.1:1/x')).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE', retry: { kind: 'later' } });
    await expect(open('postgres://u:p@/x?host=/nowhere')).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
    await expect(open('postgres://u:p@no-such-host.invalid/x')).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });

  test('works over the socket of this machine', async () => {
    const url = `postgres://${cluster.superuser}:${encodeURIComponent(cluster.password ?? '')}@/postgres?host=${cluster.socketDirectory}&port=${cluster.port}`;
    await using session = await open(url);
    expect(session.serverVersion).toMatch(/^\d+/);
  });

  test('encrypts as sslmode says, and checks what it says', async () => {
    const url = (mode: string, host = 'localhost', more = '') =>
      `${cluster.url('postgres').replace('127.0.0.1', host)}?sslmode=${mode}${more}`;
    const ca = `&sslrootcert=${join(scratch, 'server.crt')}`;
    expect(await usesTls(url('disable'))).toBe(false);
    expect(await usesTls(url('allow'))).toBe(false);
    expect(await usesTls(url('prefer'))).toBe(true);
    expect(await usesTls(url('require'))).toBe(true);
    expect(await usesTls(url('verify-ca', '127.0.0.1', ca))).toBe(true);
    expect(await usesTls(url('verify-full', 'localhost', ca))).toBe(true);
    await expect(usesTls(url('verify-full', '127.0.0.1', ca))).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      hint: expect.stringContaining('sslrootcert'),
    });
    await expect(usesTls(url('verify-full', 'localhost', '&sslrootcert=/nowhere/ca.crt'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('/nowhere/ca.crt'),
    });
    await expect(usesTls(url('verify-ca'))).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });

  test('after the signal a query rejects at once, and the connection is gone', async () => {
    const controller = new AbortController();
    const session = await open(cluster.url('postgres'), environment, controller.signal);
    const [{ pid } = { pid: 0 }] = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const waiting = session.query('SELECT pg_sleep(0.5)');
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(session.query('SELECT 1')).rejects.toMatchObject({ code: 'CANCELLED' });
    await session[Symbol.asyncDispose]();
    await expect(open(cluster.url('postgres'), environment, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect
      .poll(() => cluster.query('postgres', `SELECT count(*)::int AS n FROM pg_stat_activity WHERE pid = ${pid}`), { timeout: 5000 })
      .toEqual([{ n: 0 }]);
  });

  test('a server that goes away is not the end of the process', async () => {
    await using session = await open(cluster.url('postgres'));
    const [{ pid } = { pid: 0 }] = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await cluster.query('postgres', `SELECT pg_terminate_backend(${pid})`);
    await expect(session.query('SELECT 1')).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });
});

describe('why a server lets nobody in', () => {
  let trusting: PostgresCluster;
  beforeAll(async () => {
    trusting = await startPostgres();
    await trusting.query('postgres', 'CREATE ROLE outsider LOGIN');
  });
  afterAll(() => trusting[Symbol.asyncDispose]());

  async function allow(rules: readonly string[]): Promise<void> {
    await writeFile(join(trusting.dataDirectory, 'pg_hba.conf'), rules.map((rule) => `${rule}\n`).join(''));
    const loadedAt = () => trusting.query('postgres', 'SELECT pg_conf_load_time()::text AS at');
    const before = await loadedAt();
    await trusting.query('postgres', 'SELECT pg_reload_conf()');
    // A new connection has it from the postmaster, which reads its rules some time after it was told to.
    await expect.poll(loadedAt, { timeout: 30_000 }).not.toEqual(before);
  }
  const noRule = { code: 'CREDENTIALS_REJECTED', message: expect.stringContaining('no pg_hba.conf entry') };
  const superuserOnly = ['host all postgres 127.0.0.1/32 trust', 'host all nobody 127.0.0.1/32 trust'];
  const refusal = (url: string): Promise<unknown> =>
    open(url).then(
      (session) => session[Symbol.asyncDispose](),
      (error: unknown) => error,
    );

  // On this machine no sslmode means "allow", elsewhere "prefer".
  test.each(['', '?sslmode=prefer'])('is told as the server tells it, by one that knows no TLS too (%s)', async (mode) => {
    const url = (user: string, database: string) => `${trusting.url(database, { user })}${mode}`;
    await allow(superuserOnly);
    const refused = [
      { code: 'CREDENTIALS_REJECTED', message: expect.stringContaining('role "nobody" does not exist') },
      { code: 'DATABASE_UNKNOWN', message: expect.stringContaining('database "nothing" does not exist') },
      noRule,
    ];
    const errors = [
      await refusal(url('nobody', 'postgres')),
      await refusal(url('postgres', 'nothing')),
      await refusal(url('outsider', 'x')),
    ];
    expect(errors).toMatchObject(refused);
    expect(errors.map(String).join('\n')).not.toMatch(/SSL|TLS/);
  });

  test('is told of the wrong password, when the server asks for one and knows no TLS', async () => {
    await allow(['host all postgres 127.0.0.1/32 trust', 'host all nobody 127.0.0.1/32 scram-sha-256']);
    const error = await refusal(trusting.url('postgres', { user: 'nobody', password: 'guess' }));
    expect(error).toMatchObject({ code: 'CREDENTIALS_REJECTED', message: expect.stringContaining('password authentication failed') });
  });

  test.each(['allow', 'prefer'])('is not hidden behind the way that is closed to everybody, with sslmode=%s', async (mode) => {
    await enableTls(trusting);
    for (const type of ['hostssl', 'hostnossl']) {
      await allow(['host all postgres 127.0.0.1/32 trust', `${type} all nobody 127.0.0.1/32 trust`]);
      const error = await refusal(`${trusting.url('postgres', { user: 'nobody' })}?sslmode=${mode}`);
      expect(error, type).toMatchObject({ message: expect.stringContaining('role "nobody" does not exist') });
    }
  });
});

describe.each(['disable', 'require'])('copyOut() with sslmode=%s', (mode) => {
  const openCopy = () => open(`${cluster.url('postgres').replace('127.0.0.1', 'localhost')}?sslmode=${mode}`);
  const collect = () => {
    const pieces: Buffer[] = [];
    return { pieces, text: () => Buffer.concat(pieces).toString(), take: (rows: Buffer) => Boolean(pieces.push(Buffer.from(rows))) };
  };

  test('gives the rows as COPY prints them, however long they are', async () => {
    await using session = await openCopy();
    for (const [from, to, width] of [
      [1, 0, 1],
      [1, 1, 1],
      [1, 100_000, 3],
      [1, 20, 700_000],
    ] as const) {
      const rows = collect();
      const count = await copyOut(session, `COPY (SELECT i, repeat('x', ${width}) FROM generate_series(${from}, ${to}) i) TO STDOUT`, rows);
      expect(count).toBe(to);
      expect(rows.text()).toBe(Array.from({ length: to }, (_, index) => `${index + 1}\t${'x'.repeat(width)}\n`).join(''));
    }
    expect(await session.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a paused copy waits, and goes on where it was', async () => {
    await using session = await openCopy();
    let length = 0;
    let paused = false;
    const take = (rows: Buffer, resume: () => void) => {
      expect(paused).toBe(false);
      length += rows.length;
      paused = true;
      setTimeout(() => {
        paused = false;
        resume();
      }, 1);
      return false;
    };
    expect(await copyOut(session, "COPY (SELECT repeat('x', 999) FROM generate_series(1, 2000)) TO STDOUT", { take })).toBe(2000);
    expect(length).toBe(2_000_000);
  });

  test('notices among the rows lose none', async () => {
    await using session = await openCopy();
    await session.query(
      `CREATE FUNCTION pg_temp.noisy(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF i % 1000 = 0 THEN RAISE WARNING 'at %', i; END IF; RETURN i; END $$`,
    );
    const rows = collect();
    expect(await copyOut(session, 'COPY (SELECT pg_temp.noisy(i) FROM generate_series(1, 10000) i) TO STDOUT', rows)).toBe(10_000);
    expect(rows.text()).toBe(Array.from({ length: 10_000 }, (_, index) => `${index + 1}\n`).join(''));
    expect(await session.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('an error among the rows is told, and the connection is still good', async () => {
    await using session = await openCopy();
    await expect(
      copyOut(session, 'COPY (SELECT 1 / (5000 - i) FROM generate_series(1, 10000) i) TO STDOUT', collect()),
    ).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringContaining('division by zero'),
    });
    await expect(copyOut(session, 'COPY nothing TO STDOUT', collect())).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' });
    expect(await session.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a connection cut among the rows is an error', async () => {
    await using session = await openCopy();
    const [{ pid } = { pid: 0 }] = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const cuts: Promise<unknown>[] = [];
    const take = () => {
      if (cuts.length === 0) cuts.push(cluster.query('postgres', `SELECT pg_terminate_backend(${pid})`));
      return true;
    };
    await expect(
      copyOut(session, "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 10000000)) TO STDOUT", { take }),
    ).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
    await Promise.all(cuts);
  });
});
