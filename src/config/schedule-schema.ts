import { z } from 'zod';
import { checkedText, duration, timeZone } from './checked-text.ts';
import { cronProblem, parseDays, parseTime, parseWithin, type Parsed } from './schedule.ts';

function problemIn(parsed: Parsed<unknown>): string | null {
  return 'problem' in parsed ? parsed.problem : null;
}

const keys = z.strictObject({
  cron: checkedText(cronProblem).optional().describe('five fields: minute hour day month weekday; for example "0 2 * * *"'),
  days: z
    .array(checkedText((day) => problemIn(parseDays([day]))))
    .min(1)
    .optional()
    .describe('weekdays, for example [Mon, Wed] or [Mon-Fri]; absent: every day'),
  time: checkedText((time) => problemIn(parseTime(time)))
    .optional()
    .describe('HH:mm on a quarter of an hour, for example "02:15"'),
  timeZone: timeZone.optional().describe('for example Europe/Berlin; absent: the time zone of the machine'),
  missed: z
    .union([z.enum(['skip', 'run-once']), checkedText((text) => problemIn(parseWithin(text)))])
    .default('skip')
    .describe(
      'a time that passed while the machine was off: wait for the next one, run once however late, or run once within a while ("within 6h")',
    ),
  jitter: duration
    .optional()
    .describe('delay of at most so much, for example "10m", always the same for a plan, so that many plans do not start together'),
});

type Form = Readonly<Record<'cron' | 'days' | 'time', unknown>>;

function checkForm({ cron, days, time }: Partial<Form>, context: z.core.$RefinementCtx): void {
  const add = (message: string, path: string[] = []) => context.addIssue({ code: 'custom', path, message });
  if (cron !== undefined && days !== undefined) add('give "cron", or "days" and "time", not both', ['days']);
  if (cron !== undefined && time !== undefined) add('give "cron", or "days" and "time", not both', ['time']);
  if (cron === undefined && time === undefined) add(days === undefined ? 'needs "cron" or "time"' : 'needs "time" beside "days"');
}

export const schedule = keys.superRefine(checkForm).describe('when the plan runs; absent: only when asked');

const verifySchedule = keys
  .extend({
    depth: z.enum(['present', 'readable']).default('readable').describe('how deep snapshots are looked into'),
    which: z.enum(['newest', 'all']).default('newest').describe('the newest snapshot of each store, or all of them'),
  })
  .superRefine(checkForm)
  .describe('when snapshots are verified again, with the keys of "schedule" and two more; absent: only when asked');

/** What the service does beside backups. */
export const schedules = z
  .strictObject({
    expire: keys
      .superRefine(checkForm)
      .optional()
      .describe('when snapshots that no rule keeps are removed, with the keys of "schedule"; a backup does so at its end in any case'),
    verify: verifySchedule.optional(),
    drill: keys
      .superRefine(checkForm)
      .optional()
      .describe('when a restore is proven, with the keys of "schedule"; absent: as "drill.every" says, at 4 in the morning'),
  })
  .describe('when the service does more than back up');

export type ScheduleInput = z.infer<typeof schedule>;
export type SchedulesInput = z.infer<typeof schedules>;
