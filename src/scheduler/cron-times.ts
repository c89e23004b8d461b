import { Cron } from 'croner';

/** When something is due: the times that a cron expression names in a time zone, each the same offset later. */
export interface Timing {
  readonly cron: string;
  /** IANA; null for that of the machine. */
  readonly timeZone: string | null;
  readonly offsetMs: number;
}

/** However long nobody looked, and however short the beat: no more times than these are told apart. */
const mostDue = 1000;

/**
 * Fixed times come once a day by the clock on the wall, whatever daylight saving time does: one that is skipped comes at the
 * first moment after the gap, one that comes twice at the first of the two. `*` and steps are a beat in real time instead.
 */
function cronOf({ cron, timeZone }: Pick<Timing, 'cron' | 'timeZone'>): Cron {
  const zone = timeZone === null ? {} : { timezone: timeZone };
  return new Cron(cron, { mode: '5-part', paused: true, fixedTimeRule: 'no-wildcard', ...zone });
}

/** All due times after one moment and not after another, oldest first: the last 1000 of them when there are more. */
export function dueTimes(timing: Timing, { after, until }: { readonly after: Date; readonly until: Date }): Date[] {
  const due: Date[] = [];
  for (const at of timesFrom(timing, after)) {
    if (at > until) return due;
    if (due.length === mostDue) return newestBefore(timing, until);
    due.push(at);
  }
  return due;
}

function newestBefore(timing: Timing, until: Date): Date[] {
  // Not before its reference but before and at the second of it: a millisecond later keeps one that falls on it.
  const times = cronOf(timing).previousRuns(mostDue, shifted(until, 1 - timing.offsetMs));
  return times.map((at) => shifted(at, timing.offsetMs)).toReversed();
}

/** The next times after a moment; fewer, or none, when there are no more. */
export function nextTimes(timing: Timing, from: Date, count: number): Date[] {
  return timesFrom(timing, from).take(count).toArray();
}

function* timesFrom(timing: Timing, after: Date): Generator<Date, void, undefined> {
  const cron = cronOf(timing);
  // The smallest unit that croner knows is the second.
  for (let next = cron.nextRun(shifted(after, -timing.offsetMs)); next !== null; next = cron.nextRun(next))
    yield shifted(next, timing.offsetMs);
}

function shifted(at: Date, byMs: number): Date {
  return new Date(at.getTime() + byMs);
}

/** True when the expression names this time of the wall clock, written as if it were UTC. */
export function namesWallTime(cron: string, wallTimeAsUtc: Date): boolean {
  return cronOf({ cron, timeZone: 'UTC' }).match(wallTimeAsUtc);
}
