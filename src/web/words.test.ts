import { describe, expect, test } from 'vitest';
import { agoInWords, bytesInWords, durationInWords, momentInWords, spanInWords } from './words.ts';

const now = new Date(2026, 10, 21, 14, 0, 0);
const before = (ms: number) => new Date(now.getTime() - ms).toISOString();

describe('the dashboard says', () => {
  test.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1000, '1 kB'],
    [18_400_000_000, '18.4 GB'],
    [999_950, '1 MB'],
    [123_456_789, '123 MB'],
    [9e18, '9,000 PB'],
  ])('%i bytes as %s', (bytes, words) => expect(bytesInWords(bytes)).toBe(words));

  test.each([
    [0, '0 s'],
    [449, '0.4 s'],
    [12_300, '12 s'],
    [59_600, '1 min'],
    [252_000, '4 min 12 s'],
    [3_600_000, '1 h'],
    [93_600_000, '26 h'],
    [200_000_000, '2 d 7 h'],
  ])('%i ms of work as %s', (ms, words) => expect(durationInWords(ms)).toBe(words));

  test.each([
    [59_999, 'less than a minute'],
    [60_000, '1 minute'],
    [31 * 3_600_000, '31 hours'],
    [3 * 86_400_000, '3 days'],
    [400 * 86_400_000, '1 year'],
  ])('an age of %i ms as %s', (ms, words) => expect(spanInWords(ms)).toBe(words));

  test('when something was, and when it will be', () => {
    expect(agoInWords(before(7 * 3_600_000), now)).toBe('7 hours ago');
    expect(agoInWords(before(10), now)).toBe('just now');
    expect(agoInWords(before(-3 * 3_600_000), now)).toBe('in 3 hours');
  });

  test('the day of a moment as people do', () => {
    expect(momentInWords(new Date(2026, 10, 21, 23, 30).toISOString(), now)).toMatch(/^today at /u);
    expect(momentInWords(new Date(2026, 10, 22, 2, 0).toISOString(), now)).toMatch(/^tomorrow at /u);
    expect(momentInWords(new Date(2026, 10, 20, 2, 0).toISOString(), now)).toMatch(/^yesterday at /u);
    expect(momentInWords(new Date(2026, 11, 24, 2, 0).toISOString(), now)).toContain('2026');
  });
});
