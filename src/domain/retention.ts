import { calendarDayIn, dayName, monthName, weekName, yearName, type CalendarDay } from './calendar.ts';
import type { KeepRules } from './plan.ts';
import { snapshotSizeBytes, type SnapshotSummary, type Verification } from './snapshot.ts';

/** What retention needs to know of a snapshot. All candidates of one decision belong to one plan and one store. */
export interface RetentionCandidate {
  readonly id: string;
  readonly sequence: number;
  readonly createdAt: Date;
  readonly outcome: 'succeeded' | 'degraded';
  readonly verification: Verification;
  readonly sizeBytes: number;
}

export interface RetentionDecision {
  readonly id: string;
  readonly keep: boolean;
  /** In plain words: every reason to keep it, or, rule by rule, why none does. Never empty. */
  readonly reasons: readonly string[];
}

export function retentionCandidate({ manifest, verification }: SnapshotSummary): RetentionCandidate {
  return {
    id: manifest.id,
    sequence: manifest.sequence,
    createdAt: new Date(manifest.createdAt),
    outcome: manifest.outcome,
    verification,
    sizeBytes: snapshotSizeBytes(manifest),
  };
}

/** True for a snapshot that retention and objectives may rely on: nothing was lost, and its stored bytes were verified. */
export function counts(snapshot: Pick<RetentionCandidate, 'outcome' | 'verification'>): boolean {
  return snapshot.outcome === 'succeeded' && snapshot.verification.kind === 'passed';
}

/** The newest that counts; undefined when none does. */
export function newestCounting<T extends Pick<RetentionCandidate, 'outcome' | 'verification' | 'sequence' | 'id'>>(
  snapshots: readonly T[],
): T | undefined {
  return snapshots.filter(counts).toSorted(bySequence)[0];
}

/** Newest first by sequence: a clock may have been set back, the sequence was not. */
export function bySequence(a: Pick<RetentionCandidate, 'sequence' | 'id'>, b: Pick<RetentionCandidate, 'sequence' | 'id'>): number {
  return b.sequence - a.sequence || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

/**
 * Decides which snapshots stay, newest first, one decision each. It promises:
 *  - only snapshots that `counts` holds for take a place under a rule, so nothing is removed on the strength of a degraded,
 *    unverified or damaged one: adding such a snapshot changes no other decision;
 *  - the newest one that counts stays, whatever the rules;
 *  - one that does not count stays while none that counts is newer, and after that while it would be kept if it counted;
 *  - without rules everything stays; so does a snapshot from the future, since then a clock is wrong and nobody knows its age;
 *  - deciding again over what was kept, at the same time, keeps all of it.
 * Rules add up: a snapshot stays when any of them keeps it. A rule of 0 is no rule.
 */
export function decideRetention(
  snapshots: readonly RetentionCandidate[],
  rules: KeepRules | null,
  now: Date,
): readonly RetentionDecision[] {
  const ordered = snapshots.toSorted(bySequence);
  const active = activeRules(rules ?? {}, now);
  if (active.length === 0) return ordered.map(({ id }) => ({ id, keep: true, reasons: ['no retention rules: everything is kept'] }));

  const dayOf = calendarDayIn(rules?.timeZone ?? 'UTC');
  let verifiedSeen = false;
  return ordered.map((snapshot) => {
    const counting = counts(snapshot);
    const verdicts = active.map((rule) => rule(snapshot, dayOf(snapshot.createdAt), counting));
    const clock = clockReason(snapshot.createdAt, now);
    const decision = counting
      ? decideCounting({ verdicts, clock, newest: !verifiedSeen })
      : decideUncounted({ verdicts, clock, why: whyUncounted(snapshot), newest: !verifiedSeen });
    verifiedSeen ||= counting;
    return { id: snapshot.id, ...decision };
  });
}

type Decision = Omit<RetentionDecision, 'id'>;

function decideCounting({ verdicts, clock, newest }: { verdicts: readonly Verdict[]; clock: string[]; newest: boolean }): Decision {
  const reasons = [...(newest ? ['newest verified snapshot'] : []), ...clock, ...reasonsOf(verdicts, true)];
  return reasons.length > 0 ? { keep: true, reasons } : { keep: false, reasons: reasonsOf(verdicts, false) };
}

function decideUncounted(facts: { verdicts: readonly Verdict[]; clock: string[]; why: string; newest: boolean }): Decision {
  const { verdicts, clock, why, newest } = facts;
  if (newest) return { keep: true, reasons: [`${why}: does not count; kept until a verified snapshot is newer`, ...clock] };
  const kept = [...clock, ...reasonsOf(verdicts, true)];
  if (kept.length > 0) return { keep: true, reasons: [`${why}: does not count; kept beside those that do`, ...kept] };
  return { keep: false, reasons: [`${why}: does not count; a verified snapshot is newer`, ...reasonsOf(verdicts, false)] };
}

function whyUncounted({ outcome, verification }: RetentionCandidate): string {
  if (verification.kind === 'failed') return 'verification failed';
  return outcome === 'degraded' ? 'degraded' : 'not verified';
}

function clockReason(createdAt: Date, now: Date): string[] {
  if (createdAt.getTime() <= now.getTime()) return [];
  return [`dated in the future (${createdAt.toISOString()}): a clock was or is wrong`];
}

interface Verdict {
  readonly keep: boolean;
  readonly reason: string;
}

function reasonsOf(verdicts: readonly Verdict[], keep: boolean): string[] {
  return verdicts.filter((verdict) => verdict.keep === keep).map(({ reason }) => reason);
}

/** Judges one snapshot after the other, newest first. Only one that counts takes a place. */
type Rule = (snapshot: RetentionCandidate, day: CalendarDay, counting: boolean) => Verdict;

function activeRules(rules: KeepRules, now: Date): readonly Rule[] {
  return [
    ...whenSet(rules.last, lastRule),
    ...whenSet(rules.days, (days) => ageRule(days, now)),
    ...whenSet(rules.daily, (places) => calendarRule('daily', places, dayName)),
    ...whenSet(rules.weekly, (places) => calendarRule('weekly', places, weekName)),
    ...whenSet(rules.monthly, (places) => calendarRule('monthly', places, monthName)),
    ...whenSet(rules.yearly, (places) => calendarRule('yearly', places, yearName)),
  ];
}

function whenSet(value: number | undefined, make: (value: number) => Rule): readonly Rule[] {
  return value !== undefined && value > 0 ? [make(value)] : [];
}

function lastRule(places: number): Rule {
  let taken = 0;
  return (_snapshot, _day, counting) => {
    if (taken >= places) return { keep: false, reason: `last ${places} are newer` };
    const reason = `last ${taken + 1} of ${places}`;
    if (counting) taken += 1;
    return { keep: true, reason };
  };
}

function ageRule(days: number, now: Date): Rule {
  return ({ createdAt }) => {
    const ageDays = (now.getTime() - createdAt.getTime()) / 86_400_000;
    const age = ageDays < 1 ? 'less than a day' : ageDays < 2 ? '1 day' : `${Math.floor(ageDays)} days`;
    return { keep: ageDays < days, reason: `${age} old, days: ${days}` };
  };
}

function calendarRule(name: string, places: number, nameOf: (day: CalendarDay) => string): Rule {
  // A set, not the last value alone: after a clock was set back the same day may come up twice, apart.
  const taken = new Set<string>();
  return (_snapshot, day, counting) => {
    const period = nameOf(day);
    if (taken.has(period)) return { keep: false, reason: `${name}: ${period} has a newer one` };
    if (taken.size >= places) return { keep: false, reason: `${name}: all ${places} are newer` };
    const reason = `${name} ${taken.size + 1} of ${places} (${period})`;
    if (counting) taken.add(period);
    return { keep: true, reason };
  };
}
