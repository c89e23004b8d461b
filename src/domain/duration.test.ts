import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAge, formatDuration, parseDuration } from './duration.ts';

describe('parseDuration()', () => {
  it.each([
    ['30m', 1_800_000],
    ['26h', 93_600_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1d 12h', 129_600_000],
    ['1h30m', 5_400_000],
    [' 1.5 h ', 5_400_000],
    ['0s', 0],
  ])('reads %j as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '26', 'h', '26 hours', '-3h', '3h-', '1M', '1y', '3h 4', '１h'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('formatDuration()', () => {
  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [999.6, '1.0 s'],
    [4_200, '4.2 s'],
    [9_960, '10 s'],
    [59_600, '1 min'],
    [83_000, '1 min 23 s'],
    [3_599_700, '1 h'],
    [12_000_000, '3 h 20 min'],
    [86_370_000, '1 d'],
    [446_400_000, '5 d 4 h'],
    [-60_000, '1 min'],
  ])('shows %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('is never off by more than its smallest unit shown', () => {
    const unitMs = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000_000 }), (ms) => {
        const terms = formatDuration(ms).matchAll(/([\d.]+) (ms|s|min|h|d)/g);
        const shown = [...terms].map(([, amount, unit]) => ({ amount: Number(amount), unit: unitMs[unit as keyof typeof unitMs] }));
        const total = shown.reduce((sum, { amount, unit }) => sum + amount * unit, 0);
        // A round figure drops its smaller unit, which is one below the one shown.
        expect(Math.abs(total - ms)).toBeLessThanOrEqual(
          Math.max(0, ms < 10_000 ? 50 : ms < 3_600_000 ? 500 : ms < 86_400_000 ? 30_000 : 1_800_000),
        );
      }),
    );
  });
});

describe('formatAge()', () => {
  const now = new Date('2026-11-21T02:00:00Z');
  it.each([
    ['2026-11-20T22:40:00Z', '3 h 20 min ago'],
    ['2026-11-21T02:00:00Z', 'just now'],
    ['2026-11-21T02:05:00Z', 'in 5 min'],
  ])('of %s is "%s"', (at, text) => {
    expect(formatAge(new Date(at), now)).toBe(text);
  });
});
