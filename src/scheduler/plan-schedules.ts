import { scheduledVerbs, type MissedPolicy, type ScheduledVerb } from '../domain/due.ts';
import type { Plan, PlanSchedule } from '../domain/plan.ts';
import { nextTimes, type Timing } from './cron-times.ts';

/** One schedule of a plan: what it starts, and when. */
export interface OwnSchedule {
  readonly plan: Plan;
  readonly verb: ScheduledVerb;
  readonly schedule: PlanSchedule;
}

/** All schedules of a plan, in the order of `scheduledVerbs`. */
export function schedulesOf(plan: Plan): OwnSchedule[] {
  return scheduledVerbs.flatMap((verb) => {
    const schedule = scheduleOf(plan, verb);
    return schedule === null ? [] : [{ plan, verb, schedule }];
  });
}

function scheduleOf(plan: Plan, verb: ScheduledVerb): PlanSchedule | null {
  return verb === 'backup' ? plan.schedule : plan.schedules[verb];
}

/** When the plan's schedule first wants a backup after a moment, on this installation; null when never. */
export function nextBackup(plan: Plan, installation: string, after: Date): Date | null {
  const { schedule } = plan;
  return schedule === null ? null : (nextTimes(timingOf({ plan, verb: 'backup', schedule }, installation), after, 1)[0] ?? null);
}

/** The installation keeps plans of several machines from starting at the same time; the same for ever. */
export function timingOf({ plan, verb, schedule }: OwnSchedule, installation: string): Timing {
  return { cron: schedule.cron, timeZone: schedule.timeZone, offsetMs: jitter(`${installation} ${plan.name} ${verb}`, schedule.jitterMs) };
}

/** An edited schedule has another one, and starts afresh. */
export function signatureOf({ cron, timeZone, jitterMs, missed, missedWithinMs }: PlanSchedule): string {
  return [cron, timeZone ?? 'local', jitterMs, missed, missedWithinMs ?? ''].join('|');
}

export function missedPolicyOf({ missed, missedWithinMs }: PlanSchedule): MissedPolicy {
  return missed === 'within' ? { kind: 'within', windowMs: missedWithinMs ?? 0 } : { kind: missed };
}

/** Whole seconds from 0 up to the limit. */
function jitter(text: string, limitMs: number): number {
  const seconds = BigInt(Math.floor(limitMs / 1000));
  return seconds === 0n ? 0 : Number(fnv1a64(text) % seconds) * 1000;
}

/** @see http://www.isthe.com/chongo/tech/comp/fnv/ FNV-1a, 64 bits */
function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
