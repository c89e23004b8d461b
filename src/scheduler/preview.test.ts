import { expect, test } from 'vitest';
import type { Plan, PlanSchedule } from '../domain/plan.ts';
import { previewRuns, previewVerb } from './preview.ts';

const nightly: PlanSchedule = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', missed: 'skip', missedWithinMs: null, jitterMs: 0 };
const installation = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

function plan(schedule: PlanSchedule | null, parts: Partial<Plan> = {}): Plan {
  return {
    name: 'home',
    sources: [],
    layout: 'separate',
    compression: { kind: 'gzip', level: 4 },
    encryption: null,
    stores: [],
    fileName: '{name}_{timestamp}',
    schedule,
    schedules: { expire: null, verify: null, drill: null },
    verify: 'readable',
    drill: { every: null, server: null },
    objectives: { rpoHours: null, rtoMinutes: null },
    notify: [],
    ...parts,
  };
}

function next(schedule: Partial<PlanSchedule>, from: string, count = 3): string[][] {
  const options = { installation, from: new Date(from), count };
  return previewVerb(plan({ ...nightly, ...schedule }), 'backup', options).map(({ local, why }) => [local, why]);
}

test('a time that does not exist runs once, at the first moment that does', () => {
  expect(next({}, '2026-03-28T12:00:00Z', 2)).toEqual([
    [
      '2026-03-29T03:00:00+02:00[Europe/Berlin]',
      '30 2 * * * in Europe/Berlin; the time it names does not exist this day: 03:00 is the first that does',
    ],
    ['2026-03-30T02:30:00+02:00[Europe/Berlin]', '30 2 * * * in Europe/Berlin'],
  ]);
});

test('a time that comes twice runs once, at the first', () => {
  expect(next({}, '2026-10-24T12:00:00Z', 2)).toEqual([
    ['2026-10-25T02:30:00+02:00[Europe/Berlin]', '30 2 * * * in Europe/Berlin; 02:30 comes twice this day: the first'],
    ['2026-10-26T02:30:00+01:00[Europe/Berlin]', '30 2 * * * in Europe/Berlin'],
  ]);
});

test('a list of times is as fixed as a single one', () => {
  expect(next({ cron: '30 2,14 * * *' }, '2026-10-24T22:00:00Z', 2).map(([local]) => local)).toEqual([
    '2026-10-25T02:30:00+02:00[Europe/Berlin]',
    '2026-10-25T14:30:00+01:00[Europe/Berlin]',
  ]);
});

test('a beat counts real time: it comes in both of the two hours, and none is left out', () => {
  const times = next({ cron: '*/30 * * * *' }, '2026-10-24T23:59:00Z', 5);
  expect(times.map(([local]) => local?.slice(11, 22))).toEqual(['02:00:00+02', '02:30:00+02', '02:00:00+01', '02:30:00+01', '03:00:00+01']);
  expect(times[2]?.[1]).toContain('02:00 comes twice this day: the second; * and steps count real time');
});

test('a day without a change of the clocks, and a zone without any, have nothing to explain', () => {
  expect(next({ timeZone: 'Asia/Kolkata' }, '2026-10-24T12:00:00Z', 1)).toEqual([
    ['2026-10-25T02:30:00+05:30[Asia/Kolkata]', '30 2 * * * in Asia/Kolkata'],
  ]);
  expect(next({ timeZone: 'America/New_York', cron: '0 22 * * FRI' }, '2026-10-24T12:00:00Z', 1)).toEqual([
    ['2026-10-30T22:00:00-04:00[America/New_York]', '0 22 * * FRI in America/New_York'],
  ]);
});

test('jitter is the same at every time, within its limit, another for another plan, and told', () => {
  const times = next({ jitterMs: 600_000, timeZone: 'UTC' }, '2026-11-21T12:00:00Z', 2);
  const [first, second] = times.map(([local = '']) => Date.parse(local.slice(0, 25)));
  const offsetMs = (first ?? 0) - Date.parse('2026-11-22T02:30:00Z');
  expect(offsetMs).toBeGreaterThan(0);
  expect(offsetMs).toBeLessThan(600_000);
  expect((second ?? 0) - (first ?? 0)).toBe(86_400_000);
  expect(times[0]?.[1]).toMatch(/^30 2 \* \* \* in UTC; \+.+ so that plans do not start together$/u);
  const other = previewVerb(plan({ ...nightly, jitterMs: 600_000, timeZone: 'UTC' }, { name: 'work' }), 'backup', {
    installation,
    from: new Date('2026-11-21T12:00:00Z'),
    count: 1,
  });
  expect(other[0]?.at.getTime()).not.toBe(first);
});

test('jitter does not hide what daylight saving time does', () => {
  const [[local, why] = []] = next({ jitterMs: 600_000 }, '2026-03-28T12:00:00Z', 1);
  expect(local).toMatch(/^2026-03-29T03:0\d/u);
  expect(why).toContain('does not exist this day: 03:00 is the first that does; +');
});

test('all schedules of all plans are told together, by time', () => {
  const weekly = { ...nightly, cron: '0 4 * * SUN', timeZone: 'UTC' };
  const plans = [
    plan(
      { ...nightly, timeZone: 'UTC' },
      { schedules: { expire: { ...nightly, cron: '0 3 * * *', timeZone: 'UTC' }, verify: null, drill: weekly } },
    ),
    plan({ ...nightly, cron: '45 2 * * *', timeZone: 'UTC' }, { name: 'work' }),
  ];
  const runs = previewRuns(plans, { installation, from: new Date('2026-11-21T12:00:00Z'), count: 5 });
  expect(runs.map(({ plan: name, verb, at }) => [name, verb, at.toISOString().slice(0, 16)])).toEqual([
    ['home', 'backup', '2026-11-22T02:30'],
    ['work', 'backup', '2026-11-22T02:45'],
    ['home', 'expire', '2026-11-22T03:00'],
    ['home', 'drill', '2026-11-22T04:00'],
    ['home', 'backup', '2026-11-23T02:30'],
  ]);
});

test('a plan without a schedule has no next run', () => {
  expect(previewRuns([plan(null)], { installation, from: new Date(0), count: 10 })).toEqual([]);
});
