import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeContract } from '../../test/contracts/contract.ts';
import { historyClauses } from '../../test/contracts/history.ts';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { overriding } from '../../test/fakes/overriding.ts';
import { startPostgres, type PostgresCluster } from '../../test/fixtures/postgres-cluster.ts';
import { sampleManifest } from '../../test/fixtures/sample-manifest.ts';
import { sharedDatabase, uniqueName } from '../../test/fixtures/shared-postgres.ts';
import { HoldfastError } from '../domain/errors.ts';
import { Secret } from '../domain/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { History, NewRun, RunEnd } from '../ports/history.ts';
import { openHistory, openHistoryWithSpool, openPostgresHistory } from './history.ts';
import { Spool } from './spool.ts';
import { SpoolingHistory } from './spooling-history.ts';

/** A clock whose pauses are over when a test says so. */
function handClock(): Clock & { pass(ms: number): void } {
  let ms = 0;
  return { now: () => new Date(Date.UTC(2026, 0, 1) + ms), monotonicMs: () => ms, pass: (more) => void (ms += more) };
}

async function machine(url: string) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-spool-'));
  const clock = handClock();
  const log = keptLog();
  return {
    directory,
    clock,
    log,
    open: () => openPostgresHistory({ url: new Secret(url, 'test'), directory, clock, log }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

describeContract('the history in PostgreSQL, behind a spool, keeps the history contract', {
  clauses: historyClauses,
  async make() {
    const database = await sharedDatabase('spool');
    const here = await machine(database.cluster.url(database.name));
    return {
      ...here,
      async [Symbol.asyncDispose]() {
        await here[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      },
    };
  },
});

let cluster: PostgresCluster;
beforeAll(async () => {
  cluster = await startPostgres({ auth: 'scram' });
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** A machine with a database of its own in the cluster that may be stopped. */
async function machineOnCluster() {
  const name = uniqueName('spool');
  await cluster.createDatabase(name);
  return machine(cluster.url(name));
}

const pauseMs = 20_000;
const startedAt = new Date('2026-01-01T02:00:00.000Z');
const id = 'home-20260101-020000';
const snapshot = { store: 'nas', manifest: sampleManifest(id, { parts: {} }), manifestSha256: 'a'.repeat(64) };
const passed = { kind: 'passed', depth: 'readable', at: new Date('2026-01-01T03:00:00.000Z') } as const;
const succeeded: RunEnd = { endedAt: new Date('2026-01-01T02:05:00.000Z'), outcome: 'succeeded', snapshotId: id, error: null, details: {} };
const tally = { source: 'main', unit: 'app', snapshotId: id, tables: 2, rows: 3, largeTables: [], isMissed: false };

function newRun(): NewRun {
  return { key: randomUUID(), trigger: { kind: 'command', user: 'ada', dueAt: null }, verb: 'backup', plan: 'home', startedAt };
}

/** Everything that a run may write, in an order that matters. */
async function writeAll(history: History, run: NewRun): Promise<void> {
  const number = await history.startRun(run);
  await history.recordStorePlace('nas', 'device 1');
  await history.recordSnapshot({ ...snapshot, store: 'gone' });
  await history.forgetSnapshot({ store: 'gone', id });
  await history.recordSnapshot(snapshot);
  await history.recordVerification({ store: 'nas', id }, passed);
  await history.recordTallies('home', [tally]);
  await history.recordDeletion({ key: { store: 'nas', id: 'old' }, plan: 'home', at: startedAt, phase: 'intended', reason: 'old' });
  await history.endRun(number, succeeded);
  await history.recordNotified(run.key, startedAt);
}

async function everythingIn(history: History): Promise<unknown> {
  const runs = (await history.runs({})).map(({ id: _, ...run }) => run);
  return {
    runs,
    snapshots: await history.snapshots({}),
    facts: await history.facts({}),
    totals: await history.runTotals(),
    place: await history.storePlace('nas'),
    tallies: await history.tallies('home'),
    deletions: await history.deletions({}),
  };
}

async function writtenToSqlite(run: NewRun): Promise<unknown> {
  await using here = await machine('postgres://unused');
  await using history = await openHistory(join(here.directory, 'history.sqlite'));
  await writeAll(history, run);
  return await everythingIn(history);
}

it('what happens while the server is away is kept, and recorded by the next process once it is back', { timeout: 120_000 }, async () => {
  await using here = await machineOnCluster();
  const run = newRun();
  await cluster.stop('immediate');
  {
    await using history = await here.open();
    await writeAll(history, run);
    await expect(history.runs({})).rejects.toMatchObject({ code: 'HISTORY_UNREADABLE', retry: { kind: 'later' } });
  }
  expect(here.log.lines.map(({ level }) => level)).toEqual(['warn']);
  expect((await stat(join(here.directory, 'history-spool.sqlite'))).mode & 0o777).toBe(0o600);
  await cluster.start();
  await using history = await here.open();
  expect(await everythingIn(history)).toEqual(await writtenToSqlite(run));
  expect(here.log.lines.at(-1)).toMatchObject({ level: 'info', fields: { writes: 10 } });
});

it('a server that goes away in the middle of a run leaves no run unended', { timeout: 120_000 }, async () => {
  await using here = await machineOnCluster();
  await using history = await here.open();
  const run = newRun();
  const number = await history.startRun(run);
  await cluster.stop('fast');
  await history.recordSnapshot(snapshot);
  await history.endRun(number, succeeded);
  await expect(history.revision()).rejects.toMatchObject({ code: 'HISTORY_UNREADABLE' });
  await cluster.start();
  await expect(history.revision(), 'nobody waits for it at once').rejects.toMatchObject({ code: 'HISTORY_UNREADABLE' });
  here.clock.pass(pauseMs);
  expect(await history.runs({ unended: false })).toMatchObject([{ key: run.key, end: succeeded }]);
  expect(await history.summaries({})).toHaveLength(1);
});

it('no password is in what is told of an outage', { timeout: 120_000 }, async () => {
  await using here = await machine(cluster.url('postgres', { user: 'postgres', password: 'wrong-horse' }));
  await using history = await here.open();
  await history.startRun(newRun());
  expect(here.log.lines).toMatchObject([{ level: 'warn', fields: { next: expect.stringContaining('HOLDFAST_HISTORY_URL') } }]);
  expect(JSON.stringify(here.log.lines)).not.toContain('wrong-horse');
});

it('machines that share a database each catch up with what is theirs', { timeout: 120_000 }, async () => {
  const name = uniqueName('spool');
  await cluster.createDatabase(name);
  await using one = await machine(cluster.url(name));
  await using other = await machine(cluster.url(name));
  await using first = await one.open();
  await using second = await other.open();
  await first.startRun(newRun());
  await cluster.stop('fast');
  await Promise.all([first, second].map(async (history) => history.endRun(await history.startRun(newRun()), succeeded)));
  await cluster.start();
  for (const { clock } of [one, other]) clock.pass(pauseMs);
  await Promise.all([first.runs({}), second.runs({})]);
  for (const history of [first, second]) expect(await history.runs({})).toHaveLength(3);
});

/** A spool before a history on this machine that breaks as the test says: no server can be made to lose just one answer. */
async function breaking(breakIt: (right: History) => Partial<History>) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-spool-'));
  const clock = handClock();
  const log = keptLog();
  const connect = async () => {
    const right = await openHistory(join(directory, 'history.sqlite'));
    return overriding(right, breakIt(right));
  };
  const file = join(directory, 'history-spool.sqlite');
  return {
    clock,
    log,
    file,
    open: () => new SpoolingHistory({ behind: connect, spool: new Spool(file, clock), clock, log }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

const lost = () => new HoldfastError('HISTORY_UNREADABLE', 'Connection terminated', { hint: 'Wait', retry: { kind: 'later' } });

it('a write that was made, and whose answer was lost, is made once', async () => {
  let isLosing = true;
  const losing = (method: 'startRun' | 'endRun' | 'recordDeletion', right: History) => ({
    [method]: async (...args: readonly unknown[]) => {
      const result = await (right[method] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
      if (isLosing) throw lost();
      return result;
    },
  });
  await using at = await breaking((right) => ({
    ...losing('startRun', right),
    ...losing('endRun', right),
    ...losing('recordDeletion', right),
  }));
  await using history = at.open();
  const run = newRun();
  await writeAll(history, run);
  isLosing = false;
  at.clock.pass(pauseMs);
  expect(await everythingIn(history)).toEqual(await writtenToSqlite(run));
});

it('a write that is refused for ever is kept and told, and holds up no other', async () => {
  let isAway = true;
  await using at = await breaking((right) => ({
    startRun: async (run) => {
      if (isAway) throw lost();
      return right.startRun(run);
    },
  }));
  await using history = at.open();
  await history.startRun(newRun());
  await history.recordVerification({ store: 'nas', id: 'never-recorded' }, passed);
  await history.recordStorePlace('nas', 'device 1');
  isAway = false;
  at.clock.pass(pauseMs);
  expect(await history.runs({})).toHaveLength(1);
  expect(await history.storePlace('nas')).toBe('device 1');
  expect(at.log.lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { what: 'recordVerification' } }]);
  const database = new DatabaseSync(at.file);
  expect(database.prepare('SELECT refused FROM writes').all()).toMatchObject([{ refused: expect.stringContaining('never-recorded') }]);
  database.close();
});

it('a damaged record is no outage: writes go on', async () => {
  await using at = await breaking(() => ({
    runs: async () => {
      throw new HoldfastError('HISTORY_UNREADABLE', 'a record cannot be read', { hint: 'x', details: { damaged: true } });
    },
  }));
  await using history = at.open();
  await expect(history.runs({})).rejects.toMatchObject({ code: 'HISTORY_UNREADABLE' });
  expect(await history.startRun(newRun())).toBe('1');
});

it('processes that catch up at the same moment record everything once, in its order', async () => {
  let isAway = true;
  await using at = await breaking((right) => ({
    recordStorePlace: async (store, where) => {
      if (isAway) throw lost();
      await right.recordStorePlace(store, where);
    },
  }));
  await using history = at.open();
  await history.recordStorePlace('nas', 'device 0');
  for (let count = 1; count <= 30; count++) {
    await history.recordSnapshot(snapshot);
    if (count < 30) await history.forgetSnapshot({ store: 'nas', id });
    await history.recordStorePlace('nas', `device ${count}`);
  }
  isAway = false;
  at.clock.pass(pauseMs);
  await using other = at.open();
  await using third = at.open();
  await Promise.all([history, other, third].flatMap((one) => [one.runs({}), one.recordNotified('unknown', startedAt)]));
  for (const one of [history, other, third]) {
    await one.runs({});
    expect(await one.storePlace('nas')).toBe('device 30');
    expect(await one.summaries({})).toHaveLength(1);
  }
  expect(new Spool(at.file, at.clock).isEmpty).toBe(true);
});

it('a damaged spool is set aside and told, and the history goes on', async () => {
  await using database = await sharedDatabase('spool');
  await using here = await machine(database.cluster.url(database.name));
  await writeFile(join(here.directory, 'history-spool.sqlite'), 'no database at all'.repeat(500));
  await using history = await here.open();
  await history.startRun(newRun());
  expect(here.log.lines).toMatchObject([{ level: 'error', fields: { damaged: expect.stringContaining('set-aside') } }]);
  expect((await readdir(here.directory)).filter((name) => name.includes('set-aside'))).toHaveLength(1);
});

it('a history that another process keeps busy is read all the same, and takes later what happened', { timeout: 120_000 }, async () => {
  await using here = await machine('postgres://unused');
  const file = join(here.directory, 'history.sqlite');
  await using history = await openHistoryWithSpool(file, { check: false, clock: here.clock, log: here.log });
  await history.startRun(newRun());
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  const run = newRun();
  await writeAll(history, run);
  expect(await history.runs({})).toHaveLength(1);
  other.exec('COMMIT');
  other.close();
  expect(await history.runs({}), 'nobody waits for it at once').toHaveLength(1);
  here.clock.pass(pauseMs);
  expect(await history.runs({ unended: false })).toMatchObject([{ key: run.key, end: succeeded }]);
  expect(await history.summaries({})).toMatchObject([{ verification: passed }]);
});
