import type { KeepRules, Plan } from './plan.ts';
import { decideRetention, type RetentionCandidate } from './retention.ts';
import type { Verification } from './snapshot.ts';

interface Facts {
  /** Of one plan, in the store that its backups go to. */
  readonly first: readonly RetentionCandidate[];
  /** Of the same plan, in the further store. */
  readonly here: readonly RetentionCandidate[];
  /** The rules of the further store. */
  readonly keep: KeepRules | null;
  /** How deep copies are verified once they are here. */
  readonly verify: Plan['verify'];
  readonly now: Date;
}

/** What the first store has, a further one lacks and would keep, oldest first. Not those that are known to be damaged. */
export function missedCopies({ first, here, keep, verify, now }: Facts): readonly RetentionCandidate[] {
  const ids = new Set(here.map(({ id }) => id));
  const missed = first.filter((snapshot) => !ids.has(snapshot.id) && snapshot.verification.kind !== 'failed');
  if (missed.length === 0) return [];
  const verification: Verification = verify === 'none' ? { kind: 'unverified' } : { kind: 'passed', depth: verify, at: now };
  const copied = missed.map((snapshot) => ({ ...snapshot, verification }));
  const kept = new Set(
    decideRetention([...here, ...copied], keep, now)
      .filter((decision) => decision.keep)
      .map(({ id }) => id),
  );
  return missed.filter(({ id }) => kept.has(id)).toSorted((a, b) => a.sequence - b.sequence);
}
