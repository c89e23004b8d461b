import type { RunRequest, RunWork } from '../domain/run-request.ts';

type RunVerb = RunWork['verb'];

/** What changes the snapshots of a plan, or what they were made of: one at a time. */
const changing: readonly RunVerb[] = ['backup', 'expire', 'restore', 'delete', 'copy'];

/** True when these two runs must not go on at the same time. */
export function excludes(a: Pick<RunRequest, 'plan' | 'verb'>, b: Pick<RunRequest, 'plan' | 'verb'>): boolean {
  return a.plan === b.plan && (a.verb === b.verb || (changing.includes(a.verb) && changing.includes(b.verb)));
}

/** The lock that a run of this verb takes, which a command outside the service may hold; null for what runs beside. */
export function lockOf({ plan, verb }: Pick<RunRequest, 'plan' | 'verb'>): string | null {
  if (verb === 'drill') return `${plan}.drill`;
  return changing.includes(verb) ? plan : null;
}
