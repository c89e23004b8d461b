import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sampleEvent } from '../../test/contracts/notifier.ts';
import { runContext } from '../../test/fixtures/run-context.ts';
import { sampleManifest } from '../../test/fixtures/sample-manifest.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { HoldfastEvent } from '../domain/events.ts';
import type { Plan } from '../domain/plan.ts';
import type { OperationContext } from '../operations/context.ts';
import { endTrouble, tell } from '../operations/tell.ts';
import { openServiceState } from '../state/service-state.ts';
import { Watch, type WatchedStore } from './watch.ts';

const hourMs = 3_600_000;
const store: WatchedStore = {
  name: 'nas',
  plans: ['home'],
  reachable: true,
  problem: null,
  freeBytes: 900,
  totalBytes: 1000,
  checkedAt: '2026-11-21T02:00:00.000Z',
};

/** A watch over a real history and outbox, with a clock that a test moves. */
async function watching(plan: Partial<Plan> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-watch-'));
  let nowMs = Date.parse('2026-11-21T02:00:00Z');
  const clock = { now: () => new Date(nowMs), monotonicMs: () => nowMs };
  const real = await runContext(directory);
  const context: OperationContext = { ...real, clock, emit: (event) => tell(event, telling) };
  const state = await openServiceState(join(directory, 'service.sqlite'), { clock });
  const home = {
    name: 'home',
    objectives: { rpoHours: 26, rtoMinutes: null },
    drill: { every: null, server: null },
    stores: [{ kind: 'local', name: 'nas', config: {}, keep: null }],
    notify: [
      {
        kind: 'webhook',
        name: 'hook',
        config: {},
        events: ['recovered', 'overdue', 'store-unreachable', 'store-low', 'history-unreachable', 'backup-failed'],
      },
    ],
    ...plan,
  } as Partial<Plan> as Plan;
  const plans = new Map([['home', home]]);
  const telling = { plans, outbox: state.outbox, history: context.history, clock };
  const looked = { store, dueAt: null as Date | null, told: [] as HoldfastEvent[] };
  const watch = new Watch({
    plans,
    context,
    outbox: state.outbox,
    stores: () => [looked.store],
    nextDue: () => looked.dueAt,
    emit: async (event) => {
      looked.told.push(event);
      await tell(event, telling);
    },
    end: (of, subject) => endTrouble(of, subject, telling),
  });
  return {
    watch,
    context,
    looked,
    telling,
    outbox: state.outbox,
    at: () => clock.now(),
    pass: (ms: number) => void (nowMs += ms),
    kinds: async () => (await state.outbox.recent(50)).map(({ event }) => `${event.kind} ${event.subject}`).toReversed(),
    async snapshot(sequence: number) {
      const id = `home-${sequence}`;
      const createdAt = clock.now().toISOString();
      await context.history.recordSnapshot({
        store: 'nas',
        manifest: sampleManifest(id, { parts: {}, sequence, createdAt, plan: 'home' }),
        manifestSha256: 'a'.repeat(64),
      });
      await context.history.recordVerification({ store: 'nas', id }, { kind: 'passed', depth: 'readable', at: clock.now() });
    },
    async [Symbol.asyncDispose]() {
      await watch.stop();
      await state[Symbol.asyncDispose]();
      await context.history[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

test('a plan without a fresh proof is overdue, since its last one, until there is a new one', async () => {
  await using at = await watching();
  await at.snapshot(1);
  await at.watch.look();
  expect(await at.kinds()).toEqual([]);
  const provenAt = at.at();
  at.pass(27 * hourMs);
  await at.watch.look();
  await at.watch.look();
  expect(await at.kinds()).toEqual(['overdue overdue']);
  expect(at.looked.told[0]).toMatchObject({ plan: 'home', severity: 'critical', atRiskSince: provenAt });
  at.pass(24 * hourMs);
  await at.watch.look();
  expect(await at.kinds()).toEqual(['overdue overdue', 'overdue overdue']);
  await at.snapshot(2);
  await at.watch.look();
  expect((await at.kinds()).at(-1)).toBe('recovered overdue');
});

test('a plan that was just set up is late only when its first time has passed, or a day', async () => {
  await using at = await watching();
  at.looked.dueAt = new Date(at.at().getTime() + 2 * hourMs);
  for (const [ms, count] of [
    [hourMs, 0],
    [hourMs, 0],
    [hourMs, 1],
  ] as const) {
    at.pass(ms);
    await at.watch.look();
    expect(await at.kinds()).toHaveLength(count);
  }
  await using unscheduled = await watching();
  unscheduled.pass(25 * hourMs);
  await unscheduled.watch.look();
  expect(await unscheduled.kinds()).toEqual([]);
  unscheduled.pass(2 * hourMs);
  await unscheduled.watch.look();
  expect(await unscheduled.kinds()).toEqual(['overdue overdue']);
});

test('a store that is gone, and one that fills up, are told of until they are back', async () => {
  await using at = await watching();
  const problem = { code: 'STORE_ABSENT', message: 'no drive is mounted there', hint: 'Mount it' };
  at.looked.store = { ...store, reachable: false, problem };
  await at.watch.look();
  expect(at.looked.told).toEqual([]);
  at.pass(60_000);
  await at.snapshot(1);
  await at.watch.look();
  expect(at.looked.told, 'the look at the store was before its first snapshot').toEqual([]);
  at.looked.store = { ...at.looked.store, checkedAt: at.at().toISOString() };
  await at.watch.look();
  expect(at.looked.told).toMatchObject([{ kind: 'store-unreachable', message: problem.message, action: 'Mount it' }]);
  at.looked.store = { ...store, freeBytes: 49 };
  await at.watch.look();
  at.looked.store = { ...store, freeBytes: 55 };
  await at.watch.look();
  expect(await at.kinds()).toEqual(['store-unreachable store:nas', 'store-low space:nas', 'recovered store:nas']);
  at.looked.store = { ...store, freeBytes: 61 };
  await at.watch.look();
  expect((await at.kinds()).at(-1)).toBe('recovered space:nas');
  at.looked.store = { ...store, reachable: null, freeBytes: null, totalBytes: null };
  await at.watch.look();
  expect(await at.kinds()).toHaveLength(4);
});

test('a history that cannot be read is told of once, and plans are not called overdue for it', async () => {
  await using at = await watching();
  await at.snapshot(1);
  const { history } = at.context;
  const gone = new HoldfastError('HISTORY_UNREADABLE', 'the server is away', { hint: 'Start it' });
  const facts = history.facts.bind(history);
  history.facts = () => Promise.reject(gone);
  await at.watch.look();
  await at.watch.look();
  history.facts = facts;
  await at.watch.look();
  expect(await at.kinds()).toEqual(['history-unreachable history', 'recovered history']);
});

test('a backup that succeeded without telling anybody ends its trouble', async () => {
  await using at = await watching();
  await tell(sampleEvent({ at: at.at() }), at.telling);
  at.pass(hourMs);
  const started = { key: randomUUID(), trigger: at.context.trigger, verb: 'backup', plan: 'home', startedAt: at.at() } as const;
  await using _alive = await at.context.lock.proveAlive(started.key);
  const id = await at.context.history.startRun(started);
  await at.watch.look();
  expect(await at.outbox.openTroubles()).toHaveLength(1);
  await at.snapshot(1);
  await at.context.history.endRun(id, { endedAt: at.at(), outcome: 'succeeded', snapshotId: null, error: null, details: {} });
  await at.watch.look();
  expect((await at.kinds()).at(-1)).toBe('recovered backup');
});

test('a run of a command that was killed is closed and told, and one that nobody could close is when the history is back', async () => {
  await using at = await watching();
  await at.snapshot(1);
  const { history, trigger } = at.context;
  for (const [verb, plan] of [
    ['backup', 'home'],
    ['rescue', null],
  ] as const)
    await history.startRun({ key: randomUUID(), trigger, verb, plan, startedAt: at.at() });
  const facts = history.facts.bind(history);
  history.facts = () => Promise.reject(new HoldfastError('HISTORY_UNREADABLE', 'the server is away', { hint: 'Start it' }));
  await at.watch.look();
  expect(await history.runs({ unended: true })).toHaveLength(2);
  history.facts = facts;
  await at.watch.look();
  expect(await history.runs({ unended: true })).toEqual([]);
  expect(await at.kinds()).toContain('backup-failed backup');
});

test('what happened once is shown for a day, and plans that are gone have no troubles', async () => {
  await using at = await watching();
  await at.snapshot(1);
  await tell(sampleEvent({ at: at.at(), kind: 'clock-changed', plan: null, subject: 'clock', run: null }), at.telling);
  await tell(sampleEvent({ at: at.at(), plan: 'office' }), at.telling);
  await at.watch.look();
  expect((await at.outbox.openTroubles()).map(({ subject }) => subject)).toEqual(['clock']);
  at.pass(25 * hourMs);
  await at.watch.look();
  expect(await at.outbox.openTroubles()).toEqual([]);
  expect(await at.kinds()).toEqual([]);
});

test('however often it is asked to look while it looks, it looks once more', async () => {
  await using at = await watching();
  let looks = 0;
  const openTroubles = at.outbox.openTroubles.bind(at.outbox);
  at.outbox.openTroubles = () => {
    looks += 1;
    return openTroubles();
  };
  const first = at.watch.look();
  await Promise.resolve();
  await Promise.all([first, at.watch.look(), at.watch.look(), at.watch.look()]);
  expect(looks).toBe(2);
  await at.watch.look();
  expect(looks).toBe(3);
});
