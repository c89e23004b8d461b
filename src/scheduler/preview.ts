import type { ScheduledVerb } from '../domain/due.ts';
import { formatDuration } from '../domain/duration.ts';
import type { Plan } from '../domain/plan.ts';
import { namesWallTime, nextTimes, type Timing } from './cron-times.ts';
import { schedulesOf, timingOf, type OwnSchedule } from './plan-schedules.ts';
import { machineTimeZone, wallClockIn, zonedText } from './wall-clock.ts';

/** A time that a schedule wants something started, and why then. */
export interface PreviewedRun {
  readonly plan: string;
  readonly verb: ScheduledVerb;
  readonly at: Date;
  /** By the clock on the wall there: `2026-10-25T02:30:00+02:00[Europe/Berlin]`. */
  readonly local: string;
  readonly why: string;
}

interface PreviewOptions {
  /** Its jitter is its own. */
  readonly installation: string;
  /** Only times after this one. */
  readonly from: Date;
  readonly count: number;
}

/** The next runs of these plans, of all their schedules together, by time. */
export function previewRuns(plans: Iterable<Plan>, options: PreviewOptions): PreviewedRun[] {
  return [...plans]
    .flatMap((plan) => schedulesOf(plan).flatMap((own) => preview(own, options)))
    .toSorted((a, b) => a.at.getTime() - b.at.getTime())
    .slice(0, options.count);
}

/** The next runs of one schedule; none when the plan has no such schedule. */
export function previewVerb(plan: Plan, verb: ScheduledVerb, options: PreviewOptions): PreviewedRun[] {
  return schedulesOf(plan)
    .filter((own) => own.verb === verb)
    .flatMap((own) => preview(own, options));
}

function preview(own: OwnSchedule, { installation, from, count }: PreviewOptions): PreviewedRun[] {
  const timing = timingOf(own, installation);
  const timeZone = timing.timeZone ?? machineTimeZone();
  const wallClock = wallClockIn(timeZone);
  return nextTimes(timing, from, count).map((at) => ({
    plan: own.plan.name,
    verb: own.verb,
    at,
    local: zonedText(wallClock(at), timeZone),
    why: reasons(timing, at, timeZone).join('; '),
  }));
}

function reasons(timing: Timing, at: Date, timeZone: string): string[] {
  const why = [`${timing.cron} in ${timeZone}`];
  const oddity = daylightSaving(timing, new Date(at.getTime() - timing.offsetMs), timeZone);
  if (oddity !== null) why.push(oddity);
  if (timing.offsetMs > 0) why.push(`+${formatDuration(timing.offsetMs)} so that plans do not start together`);
  return why;
}

/** Longer than any change of the clocks. */
const aroundMs = 3 * 3_600_000;

/** What daylight saving time did to this time; null on every other day. */
function daylightSaving({ cron }: Timing, at: Date, timeZone: string): string | null {
  const wallClock = wallClockIn(timeZone);
  const offsetAt = (ms: number): number => wallClock(new Date(ms)).offsetMs;
  const { asUtc, offsetMs } = wallClock(at);
  const time = asUtc.toISOString().slice(11, 16);
  if (!namesWallTime(cron, asUtc)) return `the time it names does not exist this day: ${time} is the first that does`;
  const setBackLaterMs = offsetMs - offsetAt(at.getTime() + aroundMs);
  if (setBackLaterMs > 0 && offsetAt(at.getTime() + setBackLaterMs) === offsetMs - setBackLaterMs)
    return `${time} comes twice this day: the first`;
  const setBackBeforeMs = offsetAt(at.getTime() - aroundMs) - offsetMs;
  if (setBackBeforeMs > 0 && offsetAt(at.getTime() - setBackBeforeMs) === offsetMs + setBackBeforeMs)
    return `${time} comes twice this day: the second; * and steps count real time, and miss neither`;
  return null;
}
