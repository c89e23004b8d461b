import { expect, test } from 'vitest';
import { dueTimes, nextTimes } from './cron-times.ts';

const everyMinute = { cron: '* * * * *', timeZone: 'UTC', offsetMs: 0 };

function due(timing: Partial<typeof everyMinute>, after: string, until: string): string[] {
  return dueTimes({ ...everyMinute, ...timing }, { after: new Date(after), until: new Date(until) }).map((at) => at.toISOString());
}

test('a time is due from its own moment on, and once', () => {
  expect(due({}, '2026-01-01T00:00:00Z', '2026-01-01T00:02:00Z')).toEqual(['2026-01-01T00:01:00.000Z', '2026-01-01T00:02:00.000Z']);
  expect(due({}, '2026-01-01T00:02:00Z', '2026-01-01T00:02:59.999Z')).toEqual([]);
  expect(due({}, '2026-01-01T00:01:59.999Z', '2026-01-01T00:02:00Z')).toEqual(['2026-01-01T00:02:00.000Z']);
});

test('an offset moves every time, to the millisecond', () => {
  expect(due({ offsetMs: 1_500 }, '2026-01-01T00:01:01.499Z', '2026-01-01T00:02:01.499Z')).toEqual(['2026-01-01T00:01:01.500Z']);
  expect(due({ offsetMs: 1_500 }, '2026-01-01T00:01:01.500Z', '2026-01-01T00:02:01.499Z')).toEqual([]);
});

test('of more than a thousand the last thousand are told', () => {
  for (const offsetMs of [0, 1_500]) {
    const times = due({ offsetMs }, '2025-01-01T00:00:00Z', new Date(Date.parse('2026-01-01T00:05:00Z') + offsetMs).toISOString());
    expect(times).toHaveLength(1_000);
    expect(Date.parse(times.at(-1) ?? '')).toBe(Date.parse('2026-01-01T00:05:00Z') + offsetMs);
    expect(times).toEqual([...new Set(times)].toSorted());
  }
});

test('every day of a year has its time once, changes of the clocks included', () => {
  const times = due({ cron: '30 2 * * *', timeZone: 'Europe/Berlin' }, '2025-12-31T23:00:00Z', '2026-12-31T22:59:59Z');
  expect(times).toHaveLength(365);
});

test('a date that never comes has no next time', () => {
  expect(nextTimes({ ...everyMinute, cron: '0 0 30 2 *' }, new Date(0), 3)).toEqual([]);
});
