import { z } from 'zod';
import { defaultLevel, levelRange } from '../domain/compression.ts';
import { eventGroups, eventKinds, type EventGroup } from '../domain/events.ts';
import type { CompressionKind } from '../domain/manifest.ts';
import { secretText } from '../ports/config-fields.ts';
import { checkedText, duration, timeZone } from './checked-text.ts';
import { placeholderProblem } from './file-name.ts';
import { schedule, schedules } from './schedule-schema.ts';

/** `[a-z0-9][a-z0-9_-]*`, at most 64 characters: it becomes part of file names. */
export const planNamePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/u;
/** Names of sources and stores: they stand in file names and messages. */
const itemNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u;

const itemName = z
  .string()
  .regex(itemNamePattern, 'must begin with a letter or digit and hold only letters, digits, ".", "_" and "-", at most 64');

const count = z.int().min(0, 'must not be negative');

const keep = z
  .strictObject({
    last: count.optional().describe('the newest so many snapshots'),
    days: count.optional().describe('every snapshot younger than so many days'),
    daily: count.optional().describe('the newest snapshot of each of so many days'),
    weekly: count.optional().describe('the newest snapshot of each of so many weeks (Monday to Sunday)'),
    monthly: count.optional().describe('the newest snapshot of each of so many months'),
    yearly: count.optional().describe('the newest snapshot of each of so many years'),
    timeZone: timeZone.optional().describe('time zone in which days, weeks, months and years begin; UTC when absent'),
  })
  .refine(({ timeZone: _, ...rules }) => Object.values(rules).some((value) => value !== undefined && value !== 0), {
    error: 'keeps nothing: give at least one of last, days, daily, weekly, monthly, yearly, or remove "keep" to keep everything',
  })
  .describe(
    'which snapshots stay; one that any rule keeps stays. Only verified snapshots count, and the newest of them always stays. Absent: all stay',
  );

/** Keys of every source, beside those of its kind. */
export const sourceSchema = z.strictObject({
  kind: z.string().describe('what is backed up'),
  name: itemName.optional().describe('unique in the plan; names the folder in a bundle'),
});

/** Keys of every store, beside those of its kind. */
export const storeSchema = z.strictObject({
  kind: z.string().describe('what kind of place it is'),
  name: itemName.optional().describe('what messages call it; the same place has the same name in every plan'),
  keep: keep.optional(),
});

const eventGroupNames = Object.keys(eventGroups) as EventGroup[];

/** Keys of every channel, beside those of its kind. */
export const notifySchema = z.strictObject({
  kind: z.string().describe('how somebody is told'),
  name: itemName.optional().describe('unique in the plan; what status and messages call it'),
  events: z
    .array(z.enum([...eventGroupNames, ...eventKinds]))
    .min(1, 'must not be empty')
    .default(['problems'])
    .describe('what is told: groups (problems, successes, starts, all) and single events; see docs/monitoring.md'),
});

export function isEventGroup(word: string): word is EventGroup {
  return Object.hasOwn(eventGroups, word);
}

const compressionKinds = ['none', 'gzip', 'zstd'] as const satisfies readonly CompressionKind[];

const compression = z
  .union([
    z.enum(compressionKinds),
    z
      .strictObject({
        kind: z.enum(compressionKinds).describe('none stores archives as they are'),
        level: z.int().optional().describe(`gzip 1 to 9 (default ${defaultLevel.gzip}), zstd 1 to 19 (default ${defaultLevel.zstd})`),
      })
      .superRefine(({ kind, level }, context) => {
        if (level === undefined) return;
        const { min, max } = levelRange[kind];
        if (level >= min && level <= max) return;
        context.addIssue({
          code: 'custom',
          path: ['level'],
          message: kind === 'none' ? '"none" takes no level' : `must be ${min} to ${max} for ${kind}`,
        });
      }),
  ])
  .default('zstd')
  .describe('how archives are compressed');

const recipient = z.string().regex(/^age1[a-z0-9-]+$/u, 'must be a public key that begins with "age1" (the output of: age-keygen -y)');

/** Unlike every other secret it may be kept away from the machine; see `PlanEncryption.identities`. */
const identity = () =>
  secretText()
    .meta({ ...secretText().meta(), mayBeAway: true })
    .describe('secret key (AGE-SECRET-KEY-1…) that opens archives for verify, drill and restore; a backup works without it');

const encryption = z
  .strictObject({
    recipients: z.array(recipient).min(1).optional().describe('public keys of age; whoever holds one of the secret keys can restore'),
    passphrase: secretText().optional().describe('in place of recipients'),
    identity: identity().optional(),
    identities: z.array(identity()).min(1).optional().describe('several of them, in place of identity'),
  })
  .superRefine((value, context) => {
    const add = (message: string, path: string[] = []) => context.addIssue({ code: 'custom', path, message });
    if (value.recipients === undefined && value.passphrase === undefined) add('needs "recipients" or "passphrase"');
    if (value.recipients !== undefined && value.passphrase !== undefined)
      add('takes "recipients" or "passphrase", not both', ['passphrase']);
    if (value.identity !== undefined && value.identities !== undefined) add('give "identity" or "identities", not both', ['identities']);
    if (value.passphrase !== undefined && (value.identity ?? value.identities) !== undefined) {
      add('a passphrase opens what it closed; identities belong to recipients', [value.identity === undefined ? 'identities' : 'identity']);
    }
  })
  .describe('encrypts archives with age; absent: not encrypted');

/** Keys of a plan. Sources and stores are checked by the schemas of their kinds. */
export const planSchema = z.strictObject({
  sources: z.array(z.unknown()).min(1, 'must not be empty').describe('what is backed up'),
  layout: z.enum(['separate', 'bundle']).default('separate').describe('one file per database and tree, or one archive with all of them'),
  compression,
  encryption: encryption.optional(),
  stores: z
    .array(z.unknown())
    .min(1, 'must not be empty')
    .describe('where snapshots go: the first receives them, the others receive copies'),
  fileName: checkedText(placeholderProblem)
    .optional()
    .describe(
      'name of archives, without extension, made of {plan}, {name}, {prefix} (db, files) and {timestamp}; default "{name}_backup_{timestamp}", of a bundle "{plan}_backup_{timestamp}"',
    ),
  schedule: schedule.optional(),
  schedules: schedules.optional(),
  verify: z.enum(['none', 'present', 'readable']).default('readable').describe('how deep a run proves what it stored'),
  drill: z
    .strictObject({
      every: z.enum(['day', 'week', 'month']).optional().describe('how often a restore shall be proven'),
      server: secretText()
        .optional()
        .describe('database server on which scratch databases may be made; absent: a throw-away server of the installed binaries'),
    })
    .optional()
    .describe('proof by restoring into a scratch place'),
  objectives: z
    .strictObject({
      rpo: duration.optional().describe('greatest tolerated age of the newest verified snapshot, for example "26h"'),
      rto: duration.optional().describe('greatest tolerated time to restore, for example "30m"'),
    })
    .optional()
    .describe('what status measures the plan by'),
  notify: z.array(z.unknown()).min(1, 'must not be empty').optional().describe('who is told what happens'),
});

export type PlanInput = z.infer<typeof planSchema>;
export type KeepInput = z.infer<typeof keep>;
