import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarDayIn, dayName, monthName, weekName, yearName, type CalendarDay } from './calendar.ts';
import type { KeepRules } from './plan.ts';
import { counts, decideRetention, type RetentionCandidate, type RetentionDecision } from './retention.ts';

const day = 86_400_000;
const now = new Date('2026-11-21T03:00:00Z');
const golden = '../../test/fixtures/retention';

const passed = { kind: 'passed', depth: 'readable', at: now } as const;
const unverified = { kind: 'unverified' } as const;
const damaged = { kind: 'failed', depth: 'readable', at: now, findings: ['app.sql.gz: digest differs'] } as const;

function snapshot(sequence: number, createdAt: string | number, parts: Partial<RetentionCandidate> = {}): RetentionCandidate {
  const id = `home-${String(sequence).padStart(4, '0')}`;
  return { id, sequence, createdAt: new Date(createdAt), outcome: 'succeeded', verification: passed, sizeBytes: 1_000, ...parts };
}

/** One a day up to now, the oldest first. */
function dailies(days: number, parts: Partial<RetentionCandidate> = {}): RetentionCandidate[] {
  return Array.from({ length: days }, (_, index) => snapshot(index + 1, now.getTime() - (days - 1 - index) * day - 3_600_000, parts));
}

function keptIds(decisions: readonly RetentionDecision[]): string[] {
  return decisions.filter(({ keep }) => keep).map(({ id }) => id);
}

function decisionOn(decisions: readonly RetentionDecision[], { id }: RetentionCandidate): RetentionDecision {
  const found = decisions.find((decision) => decision.id === id);
  if (found === undefined) throw new Error(`no decision on ${id}`);
  return found;
}

/** A table to read and to compare with: one line for each snapshot, newest first. */
function table(candidates: readonly RetentionCandidate[], rules: KeepRules, options: { keptOnly: boolean }): string {
  const byId = new Map(candidates.map((candidate) => [candidate.id, candidate]));
  const decisions = decideRetention(candidates, rules, now);
  const lines = decisions
    .filter(({ keep }) => keep || !options.keptOnly)
    .map(
      ({ id, keep, reasons }) => `${keep ? 'keep  ' : 'remove'}  ${id}  ${byId.get(id)?.createdAt.toISOString()}  ${reasons.join('; ')}`,
    );
  const kept = decisions.filter(({ keep }) => keep).length;
  return [`${JSON.stringify(rules)}: ${kept} of ${decisions.length} kept`, ...lines, ''].join('\n');
}

describe('decideRetention() by golden tables', () => {
  it('keeps the last 7', async () => {
    await expect(table(dailies(12), { last: 7 }, { keptOnly: false })).toMatchFileSnapshot(`${golden}/last-7.txt`);
  });

  it('keeps 30 days', async () => {
    await expect(table(dailies(34), { days: 30 }, { keptOnly: false })).toMatchFileSnapshot(`${golden}/days-30.txt`);
  });

  it('keeps 7 daily, 4 weekly and 12 monthly of two years of dailies', async () => {
    const rules = { daily: 7, weekly: 4, monthly: 12 };
    await expect(table(dailies(731), rules, { keptOnly: true })).toMatchFileSnapshot(`${golden}/daily-7-weekly-4-monthly-12.txt`);
  });

  it('reckons days, weeks and months in the time zone of the rules, across both clock changes', async () => {
    const hoursOf = (from: string): number[] => Array.from({ length: 96 }, (_, hour) => Date.parse(from) + hour * 3_600_000);
    const hourly = [...hoursOf('2026-03-27T00:30:00Z'), ...hoursOf('2026-10-23T00:30:00Z')].map((at, index) => snapshot(index + 1, at));
    const rules = { daily: 20, weekly: 4, timeZone: 'Europe/Berlin' };
    await expect(table(hourly, rules, { keptOnly: true })).toMatchFileSnapshot(`${golden}/berlin.txt`);
  });

  it('tells degraded, unverified and damaged snapshots apart', async () => {
    const mixed = dailies(14).map((candidate) => {
      if (candidate.sequence % 5 === 0) return { ...candidate, outcome: 'degraded' as const };
      if (candidate.sequence % 4 === 0) return { ...candidate, verification: unverified };
      return candidate.sequence % 3 === 0 ? { ...candidate, verification: damaged } : candidate;
    });
    await expect(table([...mixed, snapshot(15, now.getTime() + day)], { last: 2, weekly: 2 }, { keptOnly: false })).toMatchFileSnapshot(
      `${golden}/mixed.txt`,
    );
  });
});

describe('decideRetention()', () => {
  it('keeps everything when there are no rules, or only rules of 0', () => {
    for (const rules of [null, {}, { timeZone: 'Europe/Berlin' }, { last: 0, days: 0 }]) {
      expect(keptIds(decideRetention(dailies(50), rules, now))).toHaveLength(50);
    }
  });

  it('keeps the newest verified snapshot when every rule would let it go', () => {
    const old = [snapshot(1, '2020-01-01'), snapshot(2, '2020-01-02'), snapshot(3, '2020-01-03', { verification: damaged })];
    const decisions = decideRetention(old, { days: 30 }, now);
    expect(keptIds(decisions)).toEqual(['home-0003', 'home-0002']);
    expect(decisions[1]?.reasons).toEqual(['newest verified snapshot']);
  });

  it('removes nothing while no snapshot was ever verified', () => {
    const decisions = decideRetention(dailies(100, { verification: unverified }), { last: 1, days: 1 }, now);
    expect(keptIds(decisions)).toHaveLength(100);
  });

  it('does not let degraded snapshots push out good ones', () => {
    const good = [snapshot(1, '2026-11-10'), snapshot(2, '2026-11-11'), snapshot(3, '2026-11-12')];
    const degraded = [13, 14, 15, 16].map((dayOfMonth, index) => snapshot(4 + index, `2026-11-${dayOfMonth}`, { outcome: 'degraded' }));
    expect(keptIds(decideRetention([...good, ...degraded], { last: 2 }, now))).toEqual(
      ['home-0007', 'home-0006', 'home-0005', 'home-0004'].concat('home-0003', 'home-0002'),
    );
  });

  it('lets go of degraded snapshots once enough verified ones are newer', () => {
    const degraded = snapshot(1, '2026-11-10', { outcome: 'degraded' });
    const one = decideRetention([degraded, snapshot(2, '2026-11-11')], { last: 2 }, now);
    expect(decisionOn(one, degraded)).toEqual({
      id: 'home-0001',
      keep: true,
      reasons: ['degraded: does not count; kept beside those that do', 'last 2 of 2'],
    });
    const two = decideRetention([degraded, snapshot(2, '2026-11-11'), snapshot(3, '2026-11-12')], { last: 2 }, now);
    expect(decisionOn(two, degraded)).toEqual({
      id: 'home-0001',
      keep: false,
      reasons: ['degraded: does not count; a verified snapshot is newer', 'last 2 are newer'],
    });
  });

  it('orders by sequence, so a clock that was set back makes nothing look old', () => {
    const decisions = decideRetention([snapshot(1, '2026-11-19'), snapshot(2, '2026-11-20'), snapshot(3, '2001-01-01')], { last: 2 }, now);
    expect(keptIds(decisions)).toEqual(['home-0003', 'home-0002']);
  });

  it('keeps what is dated in the future, and says so', () => {
    const future = snapshot(0, '2036-01-01T02:00:00Z');
    const decisions = decideRetention([future, ...dailies(9)], { last: 3 }, now);
    expect(decisionOn(decisions, future)).toMatchObject({
      keep: true,
      reasons: ['dated in the future (2036-01-01T02:00:00.000Z): a clock was or is wrong'],
    });
  });

  it('removes nothing when the clock stands before every snapshot', () => {
    const before = new Date('2001-01-01');
    expect(keptIds(decideRetention(dailies(40), { last: 1, daily: 1, days: 1 }, before))).toHaveLength(40);
  });

  it('counts a day once when a clock set back brings it up twice', () => {
    const backAndForth = ['2026-11-20', '2026-11-19', '2026-11-20', '2026-11-19', '2026-11-18'];
    const newestFirst = backAndForth.map((date, index) => snapshot(5 - index, date));
    expect(keptIds(decideRetention(newestFirst, { daily: 3 }, now))).toEqual(['home-0005', 'home-0004', 'home-0001']);
  });

  it('gives a reason for every decision and decides on each snapshot once, newest first', () => {
    const decisions = decideRetention(dailies(60).toReversed(), { daily: 3, weekly: 2 }, now);
    expect(decisions.map(({ id }) => id)).toEqual(
      dailies(60)
        .map(({ id }) => id)
        .toReversed(),
    );
    expect(decisions.every(({ reasons }) => reasons.length > 0)).toBe(true);
  });

  it('decides on 10,000 snapshots', () => {
    const hourly = Array.from({ length: 10_000 }, (_, index) => snapshot(index, now.getTime() - (10_000 - index) * 3_600_000));
    const rules = { last: 5, days: 3, daily: 7, weekly: 4, monthly: 12, yearly: 5, timeZone: 'Europe/Berlin' };
    expect(keptIds(decideRetention(hourly, rules, now)).length).toBeGreaterThan(72);
  });
});

const verification = fc.constantFrom(passed, passed, passed, unverified, damaged);
const candidates = fc
  .array(
    fc.record({
      // Coarse and within three years, so that days, weeks and months collide; some lie in the future.
      hoursAgo: fc.integer({ min: -48, max: 26_000 }),
      outcome: fc.constantFrom('succeeded', 'succeeded', 'succeeded', 'degraded'),
      verification,
      inOrder: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((facts) => {
    // Mostly in the order of time, as real ones are, with clocks set back here and there.
    const ordered = facts.toSorted((a, b) => (a.inOrder && b.inOrder ? b.hoursAgo - a.hoursAgo : 0));
    return ordered.map(({ hoursAgo, outcome, verification: proof }, index) =>
      snapshot(index + 1, now.getTime() - hoursAgo * 3_600_000, {
        id: `s${(index * 17) % 41}`, // unique, and in no order
        outcome,
        verification: proof,
      }),
    );
  });

const limit = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined, freq: 2 });
const someRules = fc
  .record({
    last: limit,
    days: fc.option(fc.integer({ min: 1, max: 800 }), { nil: undefined, freq: 2 }),
    daily: limit,
    weekly: limit,
    monthly: limit,
    yearly: limit,
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York'),
  })
  .map((rules) => Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined)) as KeepRules);

const isActive = ({ timeZone: _zone, ...rules }: KeepRules): boolean => Object.keys(rules).length > 0;
const activeRules = someRules.filter(isActive);

/** The promise in other words, by brute force: the newest of each period, for so many newest periods. */
function keptByRule(rule: keyof KeepRules, counting: readonly RetentionCandidate[], rules: KeepRules): readonly RetentionCandidate[] {
  const newestFirst = counting.toSorted((a, b) => b.sequence - a.sequence);
  if (rule === 'last') return newestFirst.slice(0, rules.last);
  if (rule === 'days') return counting.filter(({ createdAt }) => now.getTime() - createdAt.getTime() < (rules.days ?? 0) * day);
  const namers: Readonly<Record<string, (day: CalendarDay) => string>> = {
    daily: dayName,
    weekly: weekName,
    monthly: monthName,
    yearly: yearName,
  };
  const name = namers[rule];
  if (name === undefined) return [];
  const dayOf = calendarDayIn(rules.timeZone ?? 'UTC');
  const periods = Map.groupBy(newestFirst, ({ createdAt }) => name(dayOf(createdAt)));
  return [...periods.values()].slice(0, rules[rule] as number).flatMap(([newest]) => newest ?? []);
}

describe('decideRetention() always', () => {
  it('decides on every snapshot exactly once', () => {
    fc.assert(
      fc.property(candidates, someRules, (all, rules) => {
        const ids = decideRetention(all, rules, now).map(({ id }) => id);
        expect(ids.toSorted()).toEqual(all.map(({ id }) => id).toSorted());
      }),
    );
  });

  it('keeps the newest verified snapshot', () => {
    fc.assert(
      fc.property(candidates, someRules, (all, rules) => {
        const newest = all.findLast(counts);
        fc.pre(newest !== undefined);
        expect(decisionOn(decideRetention(all, rules, now), newest).keep).toBe(true);
      }),
    );
  });

  it('keeps of those that count exactly what the rules name', () => {
    fc.assert(
      fc.property(candidates, activeRules, (all, rules) => {
        const counting = all.filter(counts);
        const named = (Object.keys(rules) as (keyof KeepRules)[]).flatMap((rule) => keptByRule(rule, counting, rules));
        const future = counting.filter(({ createdAt }) => createdAt > now);
        const expected = new Set([...named, ...future, ...counting.slice(-1)].map(({ id }) => id));
        const kept = new Set(keptIds(decideRetention(all, rules, now)));
        expect(counting.filter(({ id }) => kept.has(id)).map(({ id }) => id)).toEqual(
          counting.filter(({ id }) => expected.has(id)).map(({ id }) => id),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('changes nothing when it decides again over what it kept', () => {
    fc.assert(
      fc.property(candidates, someRules, (all, rules) => {
        const kept = new Set(keptIds(decideRetention(all, rules, now)));
        const again = decideRetention(
          all.filter(({ id }) => kept.has(id)),
          rules,
          now,
        );
        expect(again.filter(({ keep }) => !keep)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('decides the same about everything else when snapshots that do not count come or go', () => {
    fc.assert(
      fc.property(candidates, someRules, fc.integer({ min: 0, max: 40 }), (all, rules, position) => {
        const extra = all[position % Math.max(1, all.length)];
        fc.pre(extra !== undefined && !counts(extra));
        const without = decideRetention(
          all.filter((one) => one !== extra),
          rules,
          now,
        );
        expect(decideRetention(all, rules, now).filter(({ id }) => id !== extra?.id)).toEqual(without);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps no less when a rule grows or another is added', () => {
    const growth = fc.integer({ min: 0, max: 5 });
    fc.assert(
      fc.property(candidates, activeRules, someRules, growth, (all, rules, more, grown) => {
        const wider = Object.fromEntries(
          Object.entries({ ...more, ...rules }).map(([rule, value]) => [rule, typeof value === 'number' ? value + grown : value]),
        );
        const kept = new Set(keptIds(decideRetention(all, { ...wider, timeZone: rules.timeZone ?? 'UTC' }, now)));
        expect(keptIds(decideRetention(all, rules, now)).filter((id) => !kept.has(id))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps a snapshot that does not count wherever the rules over all snapshots together would', () => {
    fc.assert(
      fc.property(candidates, activeRules, (all, rules) => {
        const asIfVerified = all.map((one) => ({ ...one, outcome: 'succeeded' as const, verification: passed }));
        const together = new Set(keptIds(decideRetention(asIfVerified, rules, now)));
        const kept = new Set(keptIds(decideRetention(all, rules, now)));
        expect(all.filter((one) => !counts(one) && together.has(one.id) && !kept.has(one.id))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
