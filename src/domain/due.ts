/** What a schedule can start. */
export const scheduledVerbs = ['backup', 'expire', 'verify', 'drill'] as const;
export type ScheduledVerb = (typeof scheduledVerbs)[number];

/** A time that passed while nobody could run it: wait for the next, run once however late, or run once when not later than that. */
export type MissedPolicy =
  | { readonly kind: 'skip' }
  | { readonly kind: 'run-once' }
  | { readonly kind: 'within'; readonly windowMs: number };

/** Later than this and a time counts as missed: a timer fires late, a machine is busy, a service restarts. */
const punctualMs = 5 * 60_000;

export interface DueDecision {
  /** The newest due time, when it is to be run now; null otherwise. At most one run, however many times passed. */
  readonly run: Date | null;
  readonly passedOver: readonly { readonly dueAt: Date; readonly why: string }[];
  /** Everything up to here is settled and must never be considered again. */
  readonly consideredUntil: Date;
}

/** `due`: all due times after the last settled moment and not after `now`, oldest first, jitter included. Pure. */
export function decideDue(due: readonly Date[], policy: MissedPolicy, now: Date): DueDecision {
  const newest = due.at(-1);
  if (newest === undefined) return { run: null, passedOver: [], consideredUntil: now };
  const lateMs = now.getTime() - newest.getTime();
  const isRun = lateMs <= punctualMs || policy.kind === 'run-once' || (policy.kind === 'within' && lateMs <= policy.windowMs);
  const earlier = due.slice(0, -1).map((dueAt) => ({ dueAt, why: isRun ? 'a later time stands for it' : whyPassed(policy) }));
  if (isRun) return { run: newest, passedOver: earlier, consideredUntil: now };
  return { run: null, passedOver: [...earlier, { dueAt: newest, why: whyPassed(policy) }], consideredUntil: now };
}

function whyPassed(policy: MissedPolicy): string {
  return policy.kind === 'within'
    ? 'missed, and the window in which it may be made up for is over'
    : 'missed, and the plan says to wait for the next time';
}
