import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes } from './byte-size.ts';

describe('formatBytes()', () => {
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [4_000_000_000, '4.0 GB'],
    [63_540_000, '63.5 MB'],
    [99_949_999, '99.9 MB'],
    [99_950_000, '100 MB'],
    [163_000_000, '163 MB'],
    [999_499_999, '999 MB'],
    [999_500_000, '1.0 GB'],
    [1.8e18, '1800 PB'],
    [-1_500, '-1.5 kB'],
  ])('shows %d as %s', (size, text) => {
    expect(formatBytes(size)).toBe(text);
  });

  it('is never off by more than 5 %, and never shows 1000 of a unit', () => {
    const factors: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 900_000_000_000_000 }), (size) => {
        const [amount = '', unit = ''] = formatBytes(size).split(' ');
        expect(Number(amount)).toBeLessThan(1000);
        expect(Math.abs(Number(amount) * (factors[unit] ?? Number.NaN) - size)).toBeLessThanOrEqual(size * 0.05);
      }),
    );
  });
});
