import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sampleEvent } from '../../test/contracts/notifier.ts';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { HoldfastError } from '../domain/errors.ts';
import { eventGroups, type EventKind, eventKinds, type HoldfastEvent } from '../domain/events.ts';
import type { Plan } from '../domain/plan.ts';
import type { SnapshotFacts } from '../ports/history.ts';
import type { NotifierMessage } from '../ports/notifier.ts';
import { openServiceState } from '../state/service-state.ts';
import { Alerts } from './alerts.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const never = new AbortController().signal;

interface Sent {
  readonly to: string;
  readonly kind: EventKind;
  readonly count: number;
  readonly plan: string | null;
}

/** Alerts over a real outbox, with a clock that a test moves and channels that do as they are told. */
async function alerting(plans: Readonly<Record<string, readonly string[]>>, events: readonly EventKind[] = eventGroups.problems) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-alerts-'));
  let nowMs = Date.parse('2026-11-21T02:00:00Z');
  const clock = { now: () => new Date(nowMs), monotonicMs: () => nowMs };
  const state = await openServiceState(join(directory, 'service.sqlite'), { clock });
  const sent: Sent[] = [];
  const messages: NotifierMessage[] = [];
  const log = keptLog();
  const failures = new Map<string, HoldfastError>();
  const notified: string[] = [];
  const facts: SnapshotFacts[] = [];
  const channels = (names: readonly string[]) => names.map((name) => ({ kind: 'webhook', name, config: { name }, events }));
  const alerts = new Alerts({
    plans: new Map(Object.entries(plans).map(([name, names]) => [name, { name, notify: channels(names) } as Partial<Plan> as Plan])),
    outbox: state.outbox,
    history: {
      facts: () => Promise.resolve(facts),
      recordNotified: (key) => {
        notified.push(key);
        return Promise.resolve();
      },
    },
    clock,
    log,
    host: 'ark',
    whenUnknown: 'give-up',
    publicUrl: 'https://backup.example.org',
    open: ({ name }) => ({
      send(message) {
        const failure = failures.get(name);
        if (failure !== undefined) return Promise.reject(failure);
        const { kind, plan } = message.event;
        sent.push({ to: name, kind, count: message.count, plan });
        messages.push(message);
        return Promise.resolve();
      },
    }),
  });
  return {
    alerts,
    log,
    sent,
    messages,
    failures,
    notified,
    facts,
    outbox: state.outbox,
    pass: (ms: number) => void (nowMs += ms),
    at: () => clock.now(),
    tell: (event: Partial<HoldfastEvent>) => alerts.deliverNow(sampleEvent({ at: clock.now(), ...event }), never),
    deliver: () => alerts.dispatcher.deliverDue(never),
    async [Symbol.asyncDispose]() {
      await alerts.dispatcher.stop();
      await state[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

const later = new HoldfastError('NOTIFY_FAILED', 'not now', { hint: 'Wait', retry: { kind: 'later' } });
const refused = new HoldfastError('NOTIFY_REJECTED', 'no such channel', { hint: 'Correct it' });
const succeeded = { kind: 'backup-succeeded', severity: 'info' } as const;

test('what is told in the last moment is sent before the stop', async () => {
  await using at = await alerting({ home: ['hook'] });
  at.alerts.dispatcher.start();
  await at.alerts.emit(sampleEvent({ at: at.at() }));
  await at.alerts.dispatcher.stop();
  expect(at.sent).toMatchObject([{ to: 'hook', kind: 'backup-failed' }]);
  expect(at.log.lines).toEqual([]);
});

test('what cannot be sent before the stop is named in the log, and waits', async () => {
  await using at = await alerting({ home: ['hook', 'pager'] });
  at.failures.set('pager', later);
  at.alerts.dispatcher.start();
  await at.alerts.emit(sampleEvent({ at: at.at() }));
  await at.alerts.dispatcher.stop();
  expect(at.log.lines).toContainEqual({
    level: 'warn',
    message: 'Notifications could not be sent before the stop; the next start sends them',
    fields: { plan: 'home', channel: 'pager', waiting: 1 },
  });
});

describe('a trouble', () => {
  test('is told when it is new, once a day while it goes on, and when it is over', async () => {
    await using at = await alerting({ home: ['hook'] });
    for (let hour = 0; hour < 30; hour++) {
      await at.tell({});
      at.pass(hourMs);
    }
    await at.tell(succeeded);
    await at.tell(succeeded);
    expect(at.sent).toMatchObject([
      { kind: 'backup-failed', count: 1 },
      { kind: 'backup-failed', count: 25 },
      { kind: 'recovered', count: 30 },
    ]);
    expect(at.messages[2]?.since).toEqual(new Date('2026-11-21T02:00:00Z'));
    expect(await at.outbox.openTroubles()).toEqual([]);
  });

  test('is told at once when it becomes worse', async () => {
    await using at = await alerting({ home: ['hook'] });
    await at.tell({ kind: 'backup-degraded', severity: 'warning' });
    await at.tell({});
    await at.tell({ kind: 'backup-degraded', severity: 'warning' });
    expect(at.sent.map(({ kind }) => kind)).toEqual(['backup-degraded', 'backup-failed']);
  });

  test('of one plan, or of one subject, says nothing of another', async () => {
    await using at = await alerting({ home: ['hook'], office: ['hook'] });
    await at.tell({});
    await at.tell({ plan: 'office' });
    await at.tell({ kind: 'drill-failed', subject: 'drill' });
    await at.tell({ ...succeeded, plan: 'office' });
    expect(at.sent.map(({ kind, plan }) => [kind, plan])).toEqual([
      ['backup-failed', 'home'],
      ['backup-failed', 'office'],
      ['drill-failed', 'home'],
      ['recovered', 'office'],
    ]);
  });

  test('that is told from many sides at once is told once', async () => {
    await using at = await alerting({ home: ['hook'] });
    await Promise.all(Array.from({ length: 20 }, () => at.tell({})));
    expect(at.sent).toHaveLength(1);
    expect(await at.outbox.openTroubles()).toMatchObject([{ count: 20 }]);
  });

  test('with a damaged snapshot is not over because another one in that store is sound', async () => {
    await using at = await alerting({ home: ['hook'] });
    const run = { ...sampleEvent().run!, verb: 'verify' };
    const damaged = { verification: { kind: 'failed' } } as Partial<SnapshotFacts> as SnapshotFacts;
    at.facts.push(damaged);
    await at.tell({ kind: 'verify-failed', subject: 'verify:nas', run });
    await at.tell({ kind: 'verify-succeeded', severity: 'info', subject: 'verify:nas', run });
    expect(at.sent.map(({ kind }) => kind)).toEqual(['verify-failed']);
    at.facts.length = 0;
    await at.tell({ kind: 'verify-succeeded', severity: 'info', subject: 'verify:nas', run });
    expect(at.sent.map(({ kind }) => kind)).toEqual(['verify-failed', 'recovered']);
  });

  test('is over for those alone who were told of it', async () => {
    await using at = await alerting({ home: ['hook'] }, ['drill-failed', 'recovered', 'backup-succeeded']);
    await at.tell({});
    await at.tell(succeeded);
    expect(at.sent.map(({ kind }) => kind)).toEqual(['backup-succeeded']);
  });
});

test('what concerns no plan is told once per place', async () => {
  await using at = await alerting({ home: ['hook', 'mail'], office: ['hook'] });
  await at.tell({ plan: null, kind: 'clock-changed', subject: 'clock', run: null });
  expect(at.sent.map(({ to }) => to)).toEqual(['hook', 'mail']);
});

test('what somebody was told of is known of the run, and its page is told', async () => {
  await using at = await alerting({ home: ['hook'] }, eventKinds);
  await at.tell({ kind: 'backup-started', severity: 'info' });
  expect(at.notified).toEqual([]);
  await at.tell({});
  expect(at.notified).toEqual([sampleEvent().run?.key]);
  expect(at.messages[1]).toMatchObject({ host: 'ark', link: `https://backup.example.org/runs/${sampleEvent().run?.key}` });
});

describe('a channel that fails', () => {
  test('is tried again after 30 s, 2 min, 10 min, 30 min and hourly, and given up after a day', async () => {
    await using at = await alerting({ home: ['hook'] });
    at.failures.set('hook', later);
    await at.tell({});
    const pauses: number[] = [];
    for (;;) {
      const [delivery] = (await at.outbox.recent(10)).filter(({ event }) => event.kind === 'backup-failed');
      if (delivery?.state !== 'due') break;
      pauses.push(delivery.dueAt.getTime() - at.at().getTime());
      at.pass(pauses.at(-1)!);
      await at.deliver();
    }
    expect(pauses.slice(0, 6).map((ms) => ms / minuteMs)).toEqual([0.5, 2, 10, 30, 60, 60]);
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(23 * hourMs);
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(25 * hourMs);
    expect(await at.outbox.recent(1)).toMatchObject([{ state: 'given-up', lastError: 'not now' }]);
  });

  test('is left in peace for as long as it asks', async () => {
    await using at = await alerting({ home: ['hook'] });
    at.failures.set('hook', new HoldfastError('NOTIFY_FAILED', 'busy', { hint: 'Wait', retry: { kind: 'after', delayMs: 7 * minuteMs } }));
    await at.tell({});
    expect((await at.outbox.recent(1))[0]?.dueAt).toEqual(new Date(at.at().getTime() + 7 * minuteMs));
  });

  test('is told by the others once, when it refuses, and when it works again', async () => {
    await using at = await alerting({ home: ['hook', 'mail'] });
    at.failures.set('hook', refused);
    for (let round = 0; round < 3; round++) {
      await at.tell({ subject: `backup-${round}` });
      await at.deliver();
    }
    expect(at.sent.filter(({ kind }) => kind === 'channel-failing')).toEqual([
      { to: 'mail', kind: 'channel-failing', count: 1, plan: 'home' },
    ]);
    expect(await at.outbox.channels()).toMatchObject([
      { channel: 'hook', lastError: 'no such channel' },
      { channel: 'mail', lastError: null },
    ]);
    at.failures.clear();
    await at.tell({ subject: 'backup-again' });
    await at.deliver();
    expect(at.sent.at(-1)).toMatchObject({ to: 'mail', kind: 'recovered' });
  });

  test('keeps the order: what is over is not told before what was wrong', async () => {
    await using at = await alerting({ home: ['hook'] });
    at.failures.set('hook', later);
    await at.tell({});
    at.pass(30_000);
    await at.tell(succeeded);
    at.failures.clear();
    await at.deliver();
    at.pass(hourMs);
    await at.deliver();
    expect(at.sent.map(({ kind }) => kind)).toEqual(['backup-failed', 'recovered']);
  });
});

test('a channel that is configured no more gets nothing, and holds up nothing', async () => {
  await using at = await alerting({ home: ['hook'] });
  await at.outbox.enqueue({ plan: 'home', channel: 'gone', event: sampleEvent(), count: 1, since: at.at(), dueAt: at.at() });
  await at.tell({});
  expect(at.sent).toMatchObject([{ to: 'hook' }]);
  expect((await at.outbox.recent(10)).map(({ channel, state }) => [channel, state])).toEqual([
    ['hook', 'delivered'],
    ['gone', 'given-up'],
  ]);
});
