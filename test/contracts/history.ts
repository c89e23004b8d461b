import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Manifest } from '../../src/domain/manifest.ts';
import type { History, NewRun, RunEnd } from '../../src/ports/history.ts';
import { sampleManifest } from '../fixtures/sample-manifest.ts';
import type { Clause } from './contract.ts';
import { expectCode } from './object-store.ts';

export interface HistorySubject {
  /** Opens the same history, again each time. */
  open(): Promise<History>;
}

const startedAt = new Date('2026-01-01T02:00:00.000Z');
const id = 'home-20260101-020000';
const key = { store: 'nas', id };
const snapshot = recorded('nas', id);
const passed = { kind: 'passed', depth: 'readable', at: new Date('2026-01-01T03:00:00.000Z') } as const;
const failed = {
  kind: 'failed',
  depth: 'drilled',
  at: new Date('2026-01-02T03:00:00.000Z'),
  findings: ['table public."users" has 3 rows less', 'ü\n"'],
} as const;

const runEnd: RunEnd = {
  endedAt: new Date('2026-01-01T02:05:00.123Z'),
  outcome: 'failed',
  snapshotId: null,
  error: { code: 'STORE_FULL', message: 'Cannot store "x" in "ü": 1.2 GB free', hint: "Free space; it's full" },
  details: { readBytes: 9_007_199_254_740_991, stores: [{ name: 'nas', ok: false }], ratio: 0.25, none: null },
};

/** What a history promises (`src/ports/history.ts`), clause by clause. */
export const historyClauses: readonly Clause<HistorySubject>[] = [
  clause('a run is unended until it ends', async (history) => {
    const started = newRun();
    const run = await history.startRun(started);
    expect(await history.runs({})).toEqual([{ id: run, ...started, end: null }]);
    expect(await history.runs({ unended: true })).toHaveLength(1);
    await history.endRun(run, runEnd);
    expect(await history.runs({ unended: true })).toEqual([]);
    expect(await history.runs({ unended: false })).toHaveLength(1);
  }),
  clause('a run comes back as it was recorded', async (history) => {
    const started = newRun({ verb: 'rescue', plan: null, trigger: { kind: 'api', user: 'ü', dueAt: null } });
    const run = await history.startRun(started);
    await history.endRun(run, runEnd);
    expect(await history.runs({})).toEqual([{ id: run, ...started, end: runEnd }]);
  }),
  clause('runs are listed in the order of their starts, newest first, also when the clock was set back', async (history) => {
    const first = await history.startRun(newRun());
    const second = await history.startRun(newRun({ startedAt: new Date('2020-01-01T00:00:00.000Z') }));
    expect((await history.runs({})).map((run) => run.id)).toEqual([second, first]);
  }),
  clause('runs are filtered by plan, verb and number', async (history) => {
    const ids: string[] = [];
    for (const plan of ['home', 'office', 'home'])
      for (const verb of ['backup', 'drill'] as const) ids.push(await history.startRun(newRun({ verb, plan })));
    const found = async (filter: Parameters<History['runs']>[0]) => (await history.runs(filter)).map((run) => ids.indexOf(run.id));
    expect(await found({ plan: 'home' })).toEqual([5, 4, 1, 0]);
    expect(await found({ verb: 'drill' })).toEqual([5, 3, 1]);
    expect(await found({ plan: 'home', verb: 'drill' })).toEqual([5, 1]);
    expect(await found({ plan: 'home', limit: 3 })).toEqual([5, 4, 1]);
    expect(await found({ plan: 'absent' })).toEqual([]);
  }),
  clause('a run that was never started cannot end', async (history) => {
    await expect(history.endRun('99', runEnd)).rejects.toThrow();
  }),
  clause('a recorded snapshot comes back whole and unverified', async (history) => {
    await history.recordSnapshot(snapshot);
    expect(await history.snapshots({})).toEqual([{ ...snapshot, verification: { kind: 'unverified' } }]);
  }),
  clause('a manifest of thousands of tables comes back whole', async (history) => {
    const large = { ...snapshot, manifest: withTables(snapshot.manifest, 3000) };
    await history.recordSnapshot(large);
    expect((await history.snapshots({}))[0]?.manifest).toEqual(large.manifest);
  }),
  clause('a summary is the snapshot without its units', async (history) => {
    await history.recordSnapshot(snapshot);
    const { units: _, ...manifest } = snapshot.manifest;
    expect(await history.summaries({})).toEqual([{ ...snapshot, manifest, verification: { kind: 'unverified' } }]);
  }),
  clause('snapshots are filtered by plan, store and id', async (history) => {
    for (const store of ['nas', 'cloud'])
      for (const snapshotId of [id, 'office-20260101-020000']) await history.recordSnapshot(recorded(store, snapshotId));
    const found = async (filter: Parameters<History['snapshots']>[0]) => {
      const keys = (await history.summaries(filter)).map(({ store, manifest }) => `${store}/${manifest.plan}`);
      expect((await history.snapshots(filter)).map(({ store, manifest }) => `${store}/${manifest.plan}`)).toEqual(keys);
      return keys.toSorted();
    };
    expect(await found({})).toEqual(['cloud/home', 'cloud/office', 'nas/home', 'nas/office']);
    expect(await found({ plan: 'home' })).toEqual(['cloud/home', 'nas/home']);
    expect(await found({ store: 'nas' })).toEqual(['nas/home', 'nas/office']);
    expect(await found({ store: 'nas', plan: 'office' })).toEqual(['nas/office']);
    expect(await found({ id })).toEqual(['cloud/home', 'nas/home']);
  }),
  clause('recording the same manifest again keeps what is known of it', async (history) => {
    await history.recordSnapshot(snapshot);
    await history.recordVerification(key, passed);
    await history.recordSnapshot(snapshot);
    expect(await history.snapshots({})).toEqual([{ ...snapshot, verification: passed }]);
  }),
  clause('recording another manifest under the same id makes it unverified', async (history) => {
    await history.recordSnapshot(snapshot);
    await history.recordVerification(key, passed);
    const other = { ...snapshot, manifest: { ...snapshot.manifest, sequence: 9 }, manifestSha256: 'b'.repeat(64) };
    await history.recordSnapshot(other);
    expect(await history.snapshots({})).toEqual([{ ...other, verification: { kind: 'unverified' } }]);
  }),
  clause('the place of a store is what was recorded last', async (history) => {
    expect(await history.storePlace('nas')).toBeNull();
    await history.recordStorePlace('nas', 'device 1');
    await history.recordStorePlace('cloud', 'bucket');
    await history.recordStorePlace('nas', 'device 2');
    expect([await history.storePlace('nas'), await history.storePlace('cloud')]).toEqual(['device 2', 'bucket']);
  }),
  clause('a failed verification comes back with its findings', async (history) => {
    await history.recordSnapshot(snapshot);
    await history.recordVerification(key, passed);
    await history.recordVerification(key, failed);
    expect((await history.summaries({}))[0]?.verification).toEqual(failed);
  }),
  clause('a shallow pass does not hide a deeper failure', async (history) => {
    await history.recordSnapshot(snapshot);
    await history.recordVerification(key, failed);
    await history.recordVerification(key, passed);
    expect((await history.summaries({}))[0]?.verification).toEqual(failed);
    await history.recordVerification(key, { ...passed, depth: 'drilled' });
    expect((await history.summaries({}))[0]?.verification).toEqual({ ...passed, depth: 'drilled' });
  }),
  clause('a snapshot that was never recorded cannot be verified', async (history) => {
    await expectCode('SNAPSHOT_UNKNOWN', history.recordVerification(key, passed));
  }),
  clause('a forgotten snapshot is gone from its store alone, and forgetting twice is fine', async (history) => {
    await history.recordSnapshot(snapshot);
    await history.recordSnapshot(recorded('cloud', id));
    await history.forgetSnapshot(key);
    await history.forgetSnapshot(key);
    expect((await history.summaries({})).map(({ store }) => store)).toEqual(['cloud']);
  }),
  clause('tallies are kept for each database of a plan, the last one recorded', async (history) => {
    const app = { source: 'main', unit: 'app', snapshotId: id, tables: 2, rows: 12_000, largeTables: [], isMissed: false };
    const wiki = { ...app, unit: 'wiki', largeTables: [{ schema: 'public', name: 'Pages', rows: 12_000 }] };
    await history.recordTallies('home', [app, wiki]);
    await history.recordTallies('office', [{ ...app, rows: 1 }]);
    await history.recordTallies('home', [
      { ...app, source: 'second' },
      { ...wiki, isMissed: true },
    ]);
    const found = (await history.tallies('home')).toSorted((a, b) => (a.source + a.unit < b.source + b.unit ? -1 : 1));
    expect(found).toEqual([app, { ...wiki, isMissed: true }, { ...app, source: 'second' }]);
    expect(await history.tallies('absent')).toEqual([]);
  }),
  clause('deletions come back in the order of their recording', async (history) => {
    const intended = { key, plan: 'home', at: startedAt, phase: 'intended', reason: "kept by no rule: 'last 7'" } as const;
    const done = { ...intended, phase: 'done' } as const;
    await history.recordDeletion(intended);
    await history.recordDeletion({ ...intended, plan: 'office' });
    await history.recordDeletion(done);
    expect(await history.deletions({ plan: 'home' })).toEqual([intended, done]);
    expect(await history.deletions({})).toHaveLength(3);
  }),
  clause('a run is found by its key, and the same key is one run', async (history) => {
    const started = newRun({ trigger: { kind: 'schedule', user: '*system', dueAt: '2026-01-01T02:00:00.000Z' } });
    const run = await history.startRun(started);
    expect(await history.startRun(started)).toBe(run);
    expect(await history.runs({})).toHaveLength(1);
    expect(await history.run(started.key)).toEqual({ id: run, ...started, end: null });
    expect(await history.run(randomUUID())).toBeUndefined();
  }),
  clause('runs are filtered by outcome and start, and paged by key', async (history) => {
    const keys: string[] = [];
    for (const [day, outcome] of ['failed', 'succeeded', 'failed', 'cancelled'].entries()) {
      const started = newRun({ startedAt: new Date(Date.UTC(2026, 0, 1 + day)) });
      keys.push(started.key);
      await history.endRun(await history.startRun(started), { ...runEnd, outcome: outcome as RunEnd['outcome'] });
    }
    const found = async (filter: Parameters<History['runs']>[0]) => (await history.runs(filter)).map(({ key: run }) => keys.indexOf(run));
    expect(await found({ outcome: 'failed' })).toEqual([2, 0]);
    expect(await found({ since: new Date('2026-01-03T00:00:00.000Z') })).toEqual([3, 2]);
    expect(await found({ since: new Date('2026-01-02T00:00:00.000Z'), outcome: 'failed' })).toEqual([2]);
    expect(await found({ since: new Date('2026-01-05T00:00:00.000Z') })).toEqual([]);
    expect(await found({ before: keys[2] ?? '', limit: 1 })).toEqual([1]);
    expect(await found({ before: keys[0] ?? '' })).toEqual([]);
    expect(await found({ before: randomUUID() })).toEqual([]);
  }),
  clause('charts get backups and drills of a plan that ended, oldest first', async (history) => {
    const ended = async (given: Partial<NewRun>, details: RunEnd['details']) => {
      const run = newRun(given);
      const endedAt = new Date(run.startedAt.getTime() + 1500);
      await history.endRun(await history.startRun(run), { ...runEnd, endedAt, outcome: 'degraded', error: null, details });
    };
    const day = (number: number) => new Date(Date.UTC(2026, 0, number));
    await ended({ startedAt: day(3), verb: 'drill' }, { rtoMs: 700 });
    await ended({ startedAt: day(2) }, { sizeBytes: 9_007_199_254_740_991, files: 3 });
    await ended({ startedAt: day(1) }, {});
    await ended({ startedAt: day(3), verb: 'verify' }, {});
    await ended({ startedAt: day(3), plan: 'office' }, {});
    await history.startRun(newRun({ startedAt: day(4) }));
    const told = { outcome: 'degraded', durationMs: 1500 };
    expect(await history.series({ plan: 'home', since: day(2) })).toEqual([
      { verb: 'backup', startedAt: day(2).toISOString(), sizeBytes: 9_007_199_254_740_991, details: {}, ...told },
      { verb: 'drill', startedAt: day(3).toISOString(), sizeBytes: null, details: { rtoMs: 700 }, ...told },
    ]);
  }),
  clause('ended runs are totalled by plan, verb and outcome', async (history) => {
    const end = async (given: Partial<NewRun>, minutes: number, outcome: RunEnd['outcome'] = 'succeeded') =>
      history.endRun(await history.startRun(newRun(given)), {
        ...runEnd,
        endedAt: new Date(startedAt.getTime() + minutes * 60_000),
        outcome,
      });
    await history.startRun(newRun());
    await end({}, 1);
    await end({}, 2);
    await end({}, 3, 'failed');
    await end({ plan: null, verb: 'rescue' }, -1);
    const totals = (await history.runTotals()).toSorted((a, b) => a.durationMs - b.durationMs);
    expect(totals).toEqual([
      { plan: null, verb: 'rescue', outcome: 'succeeded', count: 1, durationMs: 0 },
      { plan: 'home', verb: 'backup', outcome: 'failed', count: 1, durationMs: 180_000 },
      { plan: 'home', verb: 'backup', outcome: 'succeeded', count: 2, durationMs: 180_000 },
    ]);
  }),
  clause('text that some databases refuse is recorded all the same', async (history) => {
    const run = await history.startRun(newRun());
    const error = { code: 'INTERNAL', message: 'a\0b \u{d800} c', hint: '\0' };
    await history.endRun(run, { ...runEnd, error, details: { '\0': '\0' } });
    expect((await history.runs({}))[0]?.end).toEqual({ ...runEnd, error, details: { '\0': '\0' } });
    await history.recordSnapshot({ ...snapshot, manifest: { ...snapshot.manifest, description: 'a\0b' } });
    expect((await history.facts({}))[0]?.description).toBe('a\u{fffd}b');
    await history.recordDeletion({ key, plan: 'home', at: startedAt, phase: 'done', reason: 'a\0b' });
    expect((await history.deletions({}))[0]?.reason).toBe('a\u{fffd}b');
  }),
  clause('somebody being told of a run changes nothing else, and unknown runs are passed over', async (history) => {
    const started = newRun();
    const run = await history.startRun(started);
    await history.recordNotified(started.key, startedAt);
    await history.recordNotified(randomUUID(), startedAt);
    expect(await history.runs({})).toEqual([{ id: run, ...started, end: null }]);
  }),
  clause('facts tell what lists need of a snapshot', async (history) => {
    const manifest = withTables({ ...snapshot.manifest, description: 'before the move', outcome: 'degraded' }, 2, `${id}.tar`);
    await history.recordSnapshot({ ...snapshot, manifest });
    await history.recordVerification(key, failed);
    const { sequence, createdAt } = manifest;
    const files = [{ name: `${id}.tar`, sizeBytes: 10, database: 'app', host: 'db.example' }];
    expect(await history.facts({})).toEqual([
      {
        store: 'nas',
        id,
        plan: 'home',
        sequence,
        createdAt,
        outcome: 'degraded',
        sizeBytes: 10,
        description: 'before the move',
        encrypted: false,
        verification: failed,
        files,
      },
    ]);
  }),
  clause('facts follow a manifest that was recorded anew', async (history) => {
    await history.recordSnapshot(snapshot);
    const other = { ...snapshot.manifest, sequence: 9, description: 'anew', createdAt: '2026-02-01T02:00:00.000Z' };
    await history.recordSnapshot({ ...snapshot, manifest: other, manifestSha256: 'b'.repeat(64) });
    expect(await history.facts({})).toMatchObject([{ sequence: 9, description: 'anew', createdAt: other.createdAt }]);
  }),
  clause('facts are listed newest first, filtered and paged', async (history) => {
    const times = ['2026-01-02', '2026-01-01', '2026-01-02'].map((day) => `${day}T02:00:00.000Z`);
    for (const [index, createdAt] of times.entries())
      for (const store of ['nas', 'Cloud', 'cloud']) {
        const made = recorded(store, `${index === 2 ? 'office' : 'home'}-2026010${index + 1}-020000`);
        await history.recordSnapshot({ ...made, manifest: { ...made.manifest, createdAt } });
      }
    const found = async (filter: Parameters<History['facts']>[0]) =>
      (await history.facts(filter)).map((one) => `${one.store}/${one.id.slice(0, -7)}`);
    const all = ['office-20260103', 'home-20260101', 'home-20260102'].flatMap((made) => [`nas/${made}`, `cloud/${made}`, `Cloud/${made}`]);
    expect(await found({})).toEqual(all);
    expect(await found({ plan: 'office' })).toEqual(all.slice(0, 3));
    expect(await found({ store: 'cloud', plan: 'home' })).toEqual(['cloud/home-20260101', 'cloud/home-20260102']);
    const second = (await history.facts({}))[1];
    expect(await found({ limit: 3, ...(second === undefined ? {} : { before: second }) })).toEqual(all.slice(2, 5));
  }),
  clause('the revision changes with everything that changes, by whomever, and with nothing else', async (history, subject) => {
    await using other = await subject.open();
    const run = await history.startRun(newRun());
    const changes: readonly ((writer: History) => Promise<unknown>)[] = [
      (writer) => writer.startRun(newRun()),
      (writer) => writer.endRun(run, { ...runEnd, details: { change: randomUUID() } }),
      (writer) => writer.recordSnapshot(recorded(randomUUID(), id)),
      (writer) => writer.recordVerification(key, { ...failed, findings: [randomUUID()] }),
      (writer) => writer.recordDeletion({ key, plan: randomUUID(), at: startedAt, phase: 'done', reason: '' }),
      async (writer) => writer.forgetSnapshot({ store: (await history.facts({})).find(({ store }) => store !== 'nas')?.store ?? '', id }),
    ];
    await history.recordSnapshot(snapshot);
    for (const change of changes)
      for (const writer of [history, other]) {
        const before = await history.revision();
        await history.facts({});
        expect(await history.revision()).toBe(before);
        await change(writer);
        expect(await history.revision()).not.toBe(before);
      }
  }),
  clause('the same deletion recorded again is one', async (history) => {
    const intended = { key, plan: 'home', at: startedAt, phase: 'intended', reason: 'old' } as const;
    await history.recordDeletion(intended);
    await history.recordDeletion(intended);
    expect(await history.deletions({})).toEqual([intended]);
  }),
  clause('everything is there when the history is opened again', async (history, subject) => {
    const run = await history.startRun(newRun());
    await history.recordSnapshot(snapshot);
    await history.recordVerification(key, passed);
    await history[Symbol.asyncDispose]();
    await using reopened = await subject.open();
    expect((await reopened.runs({})).map((found) => found.id)).toEqual([run]);
    expect(await reopened.snapshots({})).toEqual([{ ...snapshot, verification: passed }]);
  }),
  clause('several may write at once, and each sees what the others wrote', async (history, subject) => {
    await using other = await subject.open();
    const writers = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? history : other));
    const ids = await Promise.all(writers.map((writer) => writer.startRun(newRun())));
    expect(new Set(ids).size).toBe(20);
    await Promise.all(writers.map((writer, index) => writer.endRun(ids[index] ?? '', runEnd)));
    for (const reader of [history, other]) expect(await reader.runs({ unended: false })).toHaveLength(20);
  }),
];

function clause(name: string, check: (history: History, subject: HistorySubject) => Promise<void>): Clause<HistorySubject> {
  return {
    name,
    async run(subject) {
      await using history = await subject.open();
      await check(history, subject);
    },
  };
}

/** A run that nobody recorded yet. */
function newRun(given: Partial<NewRun> = {}): NewRun {
  const trigger = { kind: 'command', user: 'ada', dueAt: null } as const;
  return { key: randomUUID(), trigger, verb: 'backup', plan: 'home', startedAt, ...given };
}

function recorded(store: string, snapshotId: string) {
  return {
    store,
    manifest: sampleManifest(snapshotId, { parts: { [`${snapshotId}.tar`]: new Uint8Array(10) } }),
    manifestSha256: 'a'.repeat(64),
  };
}

/** The same snapshot as if it held a database of so many tables. */
function withTables(manifest: Manifest, count: number, part = 'app.sql.zst'): Manifest {
  const tables = Array.from({ length: count }, (_, index) => ({
    schema: 'public',
    name: `table_${index}`,
    copy: `public.table_${index} (id, name, created_at)`,
    rows: index * 1000,
    sizeBytes: index * 100_000,
    sha256: index.toString(16).padStart(64, '0'),
  }));
  return {
    ...manifest,
    units: [
      {
        content: 'dump',
        name: 'app',
        source: 'postgres',
        sourceName: 'postgres',
        part,
        path: null,
        sizeBytes: 1,
        dump: {
          engine: 'postgres',
          scope: 'database',
          database: 'app',
          host: 'db.example',
          serverVersion: '15.14',
          tool: 'pg_dump 15.14',
          properties: { encoding: 'UTF8' },
          definitionsSha256: 'c'.repeat(64),
          tables,
          requires: { roles: ['app'], extensions: [{ name: 'pgcrypto', version: '1.3' }] },
        },
      },
    ],
  };
}
