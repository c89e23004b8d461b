/** A day of the Gregorian calendar as people in some time zone name it. Months count from 1. */
export interface CalendarDay {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/**
 * Tells on which day an instant falls in an IANA time zone, daylight saving time included. Make it once and reuse it: the
 * formatter behind it is what costs. Throws `RangeError` for a zone that does not exist; config refuses those before.
 */
export function calendarDayIn(timeZone: string): (at: Date) => CalendarDay {
  if (timeZone === 'UTC') return utcDay;
  // en-US with the Gregorian calendar prints month/day/year; an era or a locale of the machine cannot get in.
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
  });
  return (at) => {
    const [month, day, year] = format.format(at).split('/').map(Number);
    return { year: year ?? Number.NaN, month: month ?? Number.NaN, day: day ?? Number.NaN };
  };
}

function utcDay(at: Date): CalendarDay {
  return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate() };
}

/** `2026-11-19` */
export function dayName({ year, month, day }: CalendarDay): string {
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
}

/**
 * `2026-W47`: the week of ISO 8601, Monday to Sunday, which belongs to the year that holds its Thursday. So the last days
 * of December may lie in week 1 of the next year, and the first of January in week 52 or 53 of the last.
 * @see ISO 8601-1:2019, 3.1.1.23
 */
export function weekName({ year, month, day }: CalendarDay): string {
  const thursday = new Date(utcMidnight(year, month, day));
  const mondayIsZero = (thursday.getUTCDay() + 6) % 7;
  thursday.setUTCDate(thursday.getUTCDate() - mondayIsZero + 3);
  const weekYear = thursday.getUTCFullYear();
  const daysIntoYear = (thursday.getTime() - utcMidnight(weekYear, 1, 1)) / millisecondsPerDay;
  return `${digits(weekYear, 4)}-W${digits(1 + Math.floor(daysIntoYear / 7), 2)}`;
}

/** `2026-11` */
export function monthName({ year, month }: CalendarDay): string {
  return `${digits(year, 4)}-${digits(month, 2)}`;
}

/** `2026` */
export function yearName({ year }: CalendarDay): string {
  return digits(year, 4);
}

const millisecondsPerDay = 86_400_000;

function utcMidnight(year: number, month: number, day: number): number {
  // Date.UTC reads the years 0 to 99 as 1900 to 1999; setUTCFullYear does not.
  return new Date(0).setUTCFullYear(year, month - 1, day);
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
