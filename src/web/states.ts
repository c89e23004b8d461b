import type { IconName } from './icons.tsx';
import type { Run, Snapshot, Status } from './shapes.ts';

/** How good something is, for colour; the word and the icon beside it always say the same. */
export type Tone = 'good' | 'warn' | 'bad' | 'quiet' | 'busy';

export interface Shown {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly word: string;
}

const healths: Readonly<Record<Status['health'], Shown>> = {
  healthy: { tone: 'good', icon: 'shield', word: 'Safe' },
  warning: { tone: 'warn', icon: 'warning', word: 'Needs a look' },
  critical: { tone: 'bad', icon: 'critical', word: 'At risk' },
};

export function healthShown(health: Status['health']): Shown {
  return healths[health];
}

const outcomes: Readonly<Record<NonNullable<Run['outcome']>, Shown>> = {
  succeeded: { tone: 'good', icon: 'check', word: 'Succeeded' },
  degraded: { tone: 'warn', icon: 'warning', word: 'Incomplete' },
  failed: { tone: 'bad', icon: 'cross', word: 'Failed' },
  skipped: { tone: 'quiet', icon: 'dash', word: 'Skipped' },
  cancelled: { tone: 'quiet', icon: 'dash', word: 'Cancelled' },
};

export function outcomeShown(outcome: NonNullable<Run['outcome']>): Shown {
  return outcomes[outcome];
}

export function runShown(run: Pick<Run, 'state' | 'outcome'>): Shown {
  if (run.outcome !== null) return outcomes[run.outcome];
  return run.state === 'waiting' ? { tone: 'quiet', icon: 'clock', word: 'Waiting' } : { tone: 'busy', icon: 'play', word: 'Running' };
}

const depths = { present: 'complete', readable: 'read back', drilled: 'restored in a drill' } as const;

/** What is known of a snapshot's soundness. */
export function proofShown({ verification, outcome }: Pick<Snapshot, 'verification' | 'outcome'>): Shown {
  if (verification.kind === 'failed') return { tone: 'bad', icon: 'cross', word: 'Damaged' };
  if (outcome === 'degraded') return { tone: 'warn', icon: 'warning', word: 'Incomplete' };
  if (verification.kind === 'unverified') return { tone: 'quiet', icon: 'clock', word: 'Not verified yet' };
  const depth = verification.depth === null ? '' : `: ${depths[verification.depth]}`;
  return { tone: 'good', icon: 'check', word: `Verified${depth}` };
}
