import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { describeContract } from '../../test/contracts/contract.ts';
import { historyClauses } from '../../test/contracts/history.ts';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { sharedDatabase, uniqueName } from '../../test/fixtures/shared-postgres.ts';
import { Secret } from '../domain/secret.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { History, NewRun } from '../ports/history.ts';
import { connectPostgresHistory } from './postgres-history.ts';

async function place() {
  const { cluster, name, ...rest } = await sharedDatabase('history');
  const log = keptLog();
  const connect = (url: string) => connectPostgresHistory({ url: new Secret(url, 'test'), log });
  return {
    cluster,
    name,
    log,
    connect,
    open: () => connect(cluster.url(name)),
    query: (sql: string) => cluster.query(name, sql),
    [Symbol.asyncDispose]: rest[Symbol.asyncDispose],
  };
}

describeContract('the history in PostgreSQL keeps the history contract', { clauses: historyClauses, make: place });

const trigger = { kind: 'command', user: 'ada', dueAt: null } as const;
const startedAt = new Date('2026-07-01T02:00:00.500Z');

function newRun(given: Partial<NewRun> = {}): NewRun {
  return { key: randomUUID(), trigger, verb: 'backup', plan: 'home', startedAt, ...given };
}

async function recordEnded(history: History, outcome: Outcome, message: string | null = null): Promise<string> {
  const run = newRun();
  const error = message === null ? null : { code: 'STORE_FULL', message, hint: 'Free space' };
  const details = { sizeBytes: 3_000_000_000, parts: [{ role: 'archive', name: 'home-20260701-020000.tar.zst' }] };
  const endedAt = new Date(startedAt.getTime() + 61_600);
  await history.endRun(await history.startRun(run), { endedAt, outcome, snapshotId: null, error, details });
  return run.key;
}

it('backup_history has the columns that other programs read, and is true', async () => {
  await using at = await place();
  await using history = await at.open();
  await history.recordNotified(await recordEnded(history, 'succeeded'), new Date());
  await recordEnded(history, 'degraded');
  await recordEnded(history, 'failed', 'Cannot store: 1 GB free');
  await recordEnded(history, 'skipped');
  await history.startRun(newRun());
  await history.startRun(newRun({ verb: 'drill' }));
  const columns = await at.query(`SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS all
    FROM pg_attribute WHERE attrelid = 'public.backup_history'::regclass`);
  expect(columns).toEqual([
    {
      all: 'id integer, filename text, size_bytes bigint, status text, error text, duration_seconds integer, usb_copied_at timestamp without time zone, notification_sent boolean, created_at timestamp without time zone',
    },
  ]);
  const rows = await at.query(
    'SELECT filename, size_bytes::text, status, error, duration_seconds, notification_sent, created_at::text FROM backup_history ORDER BY id',
  );
  const ended = {
    filename: 'home-20260701-020000.tar.zst',
    size_bytes: '3000000000',
    duration_seconds: 62,
    notification_sent: false,
    created_at: '2026-07-01 02:00:00.5',
  };
  expect(rows).toEqual([
    { ...ended, status: 'success', error: null, notification_sent: true },
    { ...ended, status: 'failed', error: 'something was lost or a copy failed' },
    { ...ended, status: 'failed', error: 'Cannot store: 1 GB free' },
    { ...ended, filename: '', size_bytes: '0', duration_seconds: null, status: 'in_progress', error: null },
  ]);
});

it("somebody else's backup_history stays as it is, and is told of once", async () => {
  await using at = await place();
  await at.query('CREATE TABLE backup_history (mine text)');
  for (let opened = 0; opened < 2; opened++) await (await at.open())[Symbol.asyncDispose]();
  expect(await at.query('SELECT * FROM backup_history')).toEqual([]);
  expect(at.log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('something else has that name') }]);
});

it('several openers may create it at the same moment', async () => {
  await using at = await place();
  const histories = await Promise.all(Array.from({ length: 5 }, () => at.open()));
  for (const history of histories) {
    await history.startRun(newRun());
    await history[Symbol.asyncDispose]();
  }
  await using history = await at.open();
  expect(await history.runs({})).toHaveLength(5);
});

it('a user who may use the schema, and create nothing else, is enough', async () => {
  await using at = await place();
  const user = uniqueName('keeper');
  await at.query(`CREATE ROLE ${user} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC`);
  const refused = at.connect(at.cluster.url(at.name, { user }));
  await expect(refused).rejects.toMatchObject({ code: 'HISTORY_UNREADABLE', hint: expect.stringContaining('CREATE SCHEMA') });
  await at.query(`CREATE SCHEMA holdfast AUTHORIZATION ${user}`);
  await using history = await at.connect(at.cluster.url(at.name, { user }));
  await history.startRun(newRun());
  expect(at.log.lines).toEqual([]);
  await at.query(`DROP OWNED BY ${user} CASCADE; DROP ROLE ${user}`);
});

it('a history of a newer Holdfast is left alone', async () => {
  await using at = await place();
  await (await at.open())[Symbol.asyncDispose]();
  await at.query('INSERT INTO holdfast.holdfast_schema VALUES (99)');
  await expect(at.open()).rejects.toMatchObject({ code: 'HISTORY_UNREADABLE', hint: expect.stringContaining('Update Holdfast') });
});

it('a connection that is lost between two queries is told as such, and the next one is new', async () => {
  await using at = await place();
  await using history = await at.open();
  await history.startRun(newRun());
  await at.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${at.name}' AND pid <> pg_backend_pid()`);
  const first = await history.runs({}).catch((error: unknown) => error);
  if (first instanceof Error) expect(first).toMatchObject({ code: 'HISTORY_UNREADABLE', retry: { kind: 'later' } });
  expect(await history.runs({})).toHaveLength(1);
});

it.each([
  ['a database that is not there', (url: URL) => (url.pathname = '/absent'), 'Create the database'],
  ['a server that is not there', (url: URL) => (url.port = '1'), 'pg_isready'],
  ['a user who is not there', (url: URL) => (url.username = 'nobody-at-all'), 'HOLDFAST_HISTORY_URL'],
])('%s is told without the password, with what to do', async (_, change, hint) => {
  await using at = await place();
  const url = new URL(at.cluster.url(at.name, { user: 'postgres', password: 'correct-horse' }));
  change(url);
  const error: unknown = await at.connect(url.href).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'HISTORY_UNREADABLE', hint: expect.stringContaining(hint) });
  expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain('correct-horse');
});

it('a URL that is none is told without what it holds', async () => {
  await using at = await place();
  const error: unknown = await at.connect('postgres://ada:correct-horse@[half/x').catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
  expect((error as Error).cause).toBeUndefined();
  expect((error as Error).message).not.toContain('correct-horse');
});

it('lists are found by an index, in its order', async () => {
  await using at = await place();
  await (await at.open())[Symbol.asyncDispose]();
  const plans = await at.query(`SET search_path = holdfast; SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;
    EXPLAIN SELECT files FROM snapshots WHERE plan = 'home' AND (created_at, id, store) < ('2026', 'a', 'b')
    ORDER BY created_at DESC, id DESC, store DESC LIMIT 50`);
  const text = JSON.stringify(plans);
  expect(text).toContain('Index Scan Backward using snapshots_by_plan');
  expect(text).not.toContain('Sort');
});
