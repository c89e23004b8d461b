import { describe, expect, it } from 'vitest';
import { calendarDayIn, dayName, monthName, weekName, yearName } from './calendar.ts';

describe('calendarDayIn()', () => {
  it.each([
    ['UTC', '2026-03-29T22:30:00Z', '2026-03-29'],
    ['Europe/Berlin', '2026-03-29T22:30:00Z', '2026-03-30'],
    ['Europe/Berlin', '2026-03-28T22:30:00Z', '2026-03-28'],
    ['Europe/Berlin', '2026-03-28T23:30:00Z', '2026-03-29'],
    ['Europe/Berlin', '2026-10-25T22:30:00Z', '2026-10-25'],
    ['Europe/Berlin', '2026-10-25T23:30:00Z', '2026-10-26'],
    ['America/Los_Angeles', '2026-01-01T07:59:59Z', '2025-12-31'],
    ['Pacific/Kiritimati', '2026-12-31T10:00:00Z', '2027-01-01'],
    ['Asia/Kathmandu', '2026-06-30T18:14:59Z', '2026-06-30'],
    ['Asia/Kathmandu', '2026-06-30T18:15:00Z', '2026-07-01'],
  ])('in %s names %s as %s', (zone, instant, day) => {
    expect(dayName(calendarDayIn(zone)(new Date(instant)))).toBe(day);
  });

  it('agrees with the general formatter for UTC', () => {
    const utc = calendarDayIn('UTC');
    const general = calendarDayIn('Etc/UTC');
    for (let hour = 0; hour < 20_000; hour += 7) {
      const at = new Date(Date.UTC(2024, 0, 1, hour));
      expect(utc(at)).toEqual(general(at));
    }
  });

  it('refuses a zone that does not exist', () => {
    expect(() => calendarDayIn('Europe/Atlantis')).toThrow(RangeError);
  });
});

describe('weekName()', () => {
  // The examples of ISO 8601's own annex and of the years with 53 weeks.
  it.each([
    ['2005-01-01', '2004-W53'],
    ['2005-01-02', '2004-W53'],
    ['2005-12-31', '2005-W52'],
    ['2007-01-01', '2007-W01'],
    ['2008-12-28', '2008-W52'],
    ['2008-12-29', '2009-W01'],
    ['2009-12-31', '2009-W53'],
    ['2010-01-03', '2009-W53'],
    ['2010-01-04', '2010-W01'],
    ['2020-12-31', '2020-W53'],
    ['2021-01-01', '2020-W53'],
    ['2026-11-19', '2026-W47'],
  ])('puts %s into %s', (day, week) => {
    expect(weekName(calendarDayIn('UTC')(new Date(`${day}T12:00:00Z`)))).toBe(week);
  });
});

it('monthName() and yearName() pad what is short', () => {
  expect(monthName({ year: 2026, month: 3, day: 1 })).toBe('2026-03');
  expect(yearName({ year: 33, month: 3, day: 1 })).toBe('0033');
});
