import { parseDuration } from '../domain/duration.ts';
import type { PlanDrill, PlanSchedule, PlanSchedules } from '../domain/plan.ts';
import type { ScheduleInput, SchedulesInput } from './schedule-schema.ts';
import { cronOf, parseWithin } from './schedule.ts';
import { byDefault, type Shown, type ShownMap } from './shown.ts';

export function buildSchedule(input: ScheduleInput | undefined): PlanSchedule | null {
  if (input === undefined) return null;
  const { cron, days, time, timeZone = null, jitter } = input;
  return {
    cron: cron?.trim() ?? cronOf(days ?? ['Mon-Sun'], time ?? ''),
    timeZone,
    ...missedOf(input.missed),
    jitterMs: jitter === undefined ? 0 : (parseDuration(jitter) ?? 0),
  };
}

function missedOf(missed: string): Pick<PlanSchedule, 'missed' | 'missedWithinMs'> {
  if (missed === 'skip' || missed === 'run-once') return { missed, missedWithinMs: null };
  const within = parseWithin(missed);
  return { missed: 'within', missedWithinMs: 'value' in within ? within.value : 0 };
}

/** Times of a drill that is only said how often: at night, and made up for when the machine was off. */
const drillCrons: Readonly<Record<NonNullable<PlanDrill['every']>, string>> = {
  day: '0 4 * * *',
  week: '0 4 * * SUN',
  month: '0 4 1 * *',
};

export function buildSchedules(
  input: SchedulesInput | undefined,
  { schedule, drill }: { readonly schedule: PlanSchedule | null; readonly drill: PlanDrill },
): PlanSchedules {
  const verify = input?.verify;
  const verifySchedule = buildSchedule(verify);
  return {
    expire: buildSchedule(input?.expire),
    verify: verify === undefined || verifySchedule === null ? null : { ...verifySchedule, depth: verify.depth, which: verify.which },
    drill: buildSchedule(input?.drill) ?? drillSchedule(drill, schedule?.timeZone ?? null),
  };
}

function drillSchedule({ every }: PlanDrill, timeZone: string | null): PlanSchedule | null {
  if (every === null) return null;
  return { cron: drillCrons[every], timeZone, missed: 'run-once', missedWithinMs: null, jitterMs: 0 };
}

/** A schedule as written, with what holds where nothing was. */
export function shownSchedule(own: ShownMap, { cron }: PlanSchedule, defaults: ReadonlyMap<string, unknown>): ShownMap {
  const keys = new Map(own.entries);
  const entries = [...own.entries];
  if (!keys.has('cron')) entries.push(['cron', { kind: 'value', value: cron, source: 'from days and time' }]);
  for (const [key, value] of defaults) if (!keys.has(key)) entries.push([key, byDefault(String(value))]);
  return { kind: 'map', entries };
}

/** The schedules beside that of backups, the one that `drill.every` makes among them; undefined when there is none. */
export function shownSchedules(
  own: Shown | undefined,
  schedules: PlanSchedules,
  defaultsOf: (verb: keyof PlanSchedules) => ReadonlyMap<string, unknown>,
): ShownMap | undefined {
  const written = new Map(own?.kind === 'map' ? own.entries : []);
  const entries = (['expire', 'verify', 'drill'] as const).flatMap((verb): [string, Shown][] => {
    const [schedule, shown] = [schedules[verb], written.get(verb)];
    if (schedule === null) return [];
    if (shown?.kind === 'map') return [[verb, shownSchedule(shown, schedule, defaultsOf(verb))]];
    return [[verb, fromEvery(schedule)]];
  });
  return entries.length === 0 ? undefined : { kind: 'map', entries };
}

function fromEvery({ cron, timeZone, missed }: PlanSchedule): ShownMap {
  const value = (text: string): Shown => ({ kind: 'value', value: text, source: 'from drill.every' });
  const zone: [string, Shown][] = timeZone === null ? [] : [['timeZone', value(timeZone)]];
  return { kind: 'map', entries: [['cron', value(cron)], ...zone, ['missed', value(missed)]] };
}
