import { Cron } from 'croner';
import { parseDuration } from '../domain/duration.ts';
import { suggestion } from '../domain/nearest.ts';

const weekdays = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'] as const;
const fullNames = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** A value, or what is wrong with what was written. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** What is wrong with a cron expression; null when it will fire. */
export function cronProblem(cron: string): string | null {
  const fields = cron
    .trim()
    .split(/\s+/u)
    .filter((field) => field !== '').length;
  if (fields !== 5) return `must have five fields (minute hour day month weekday), not ${fields}`;
  try {
    const job = new Cron(cron.trim(), { mode: '5-part', paused: true, fixedTimeRule: 'no-wildcard', timezone: 'UTC' });
    // From a fixed instant, so that the answer is the same on every day. Leap years included, every date comes within 8 years.
    return job.nextRun(new Date(Date.UTC(2000, 0, 1))) === null ? 'never comes true: there is no such date' : null;
  } catch (cause) {
    return `is not a cron expression: ${cause instanceof Error ? cause.message.replace(/^CronPattern: /u, '') : String(cause)}`;
  }
}

/** Weekdays as people write them (`Mon`, `friday`, `Mon-Fri`) as the field of a cron expression. */
export function parseDays(days: readonly string[]): Parsed<string> {
  const chosen = new Set<number>();
  for (const text of days) {
    const [first = '', last = first, more] = text.trim().split(/\s*-\s*/u);
    const from = weekdayIndex(first);
    const to = weekdayIndex(last);
    if (from === -1 || to === -1 || more !== undefined) return { problem: unknownDay(text, from === -1 ? first : last) };
    for (let day = from; ; day = (day + 1) % 7) {
      chosen.add(day);
      if (day === to) break;
    }
  }
  const field = weekdays.filter((_, index) => chosen.has(index)).join(',');
  return { value: chosen.size === 7 ? '*' : field };
}

function weekdayIndex(name: string): number {
  const lower = name.toLowerCase();
  return lower.length < 3 ? -1 : fullNames.findIndex((full) => full === lower || full.slice(0, 3) === lower);
}

function unknownDay(text: string, day: string): string {
  const near = suggestion(day, ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun', ...fullNames]).replace(
    /^; known:.*$/u,
    '; write Mon to Sun',
  );
  return `unknown weekday ${JSON.stringify(text)}${near}`;
}

/** `HH:mm` on a quarter of an hour, as the first two fields of a cron expression. */
export function parseTime(time: string): Parsed<string> {
  const match = /^([01]?\d|2[0-3]):([0-5]\d)$/u.exec(time.trim());
  if (match === null) return { problem: `must be HH:mm, for example "02:15", not ${JSON.stringify(time)}` };
  const [hour, minute] = [Number(match[1]), Number(match[2])];
  if (minute % 15 === 0) return { value: `${minute} ${hour}` };
  return {
    problem: `${time} is not on a quarter of an hour; choose ${clock(hour, minute - (minute % 15))} or ${clock(hour, minute - (minute % 15) + 15)}`,
  };
}

/** `within 6h` in milliseconds. */
export function parseWithin(text: string): Parsed<number> {
  const ms = parseDuration(/^within\s+(.+)$/u.exec(text.trim())?.[1] ?? '') ?? 0;
  return ms > 0 ? { value: ms } : { problem: `must be "skip", "run-once", or "within" and a duration such as "within 6h"` };
}

/** Both must be free of problems. */
export function cronOf(days: readonly string[], time: string): string {
  const [dayField, timeFields] = [parseDays(days), parseTime(time)];
  return `${'value' in timeFields ? timeFields.value : ''} * * ${'value' in dayField ? dayField.value : ''}`;
}

function clock(hour: number, minute: number): string {
  const total = (hour * 60 + minute) % 1_440;
  return `${String(Math.floor(total / 60)).padStart(2, '0')}:${String(total % 60).padStart(2, '0')}`;
}
