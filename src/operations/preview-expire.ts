import type { Plan } from '../domain/plan.ts';
import { decideRetention, type RetentionDecision } from '../domain/retention.ts';
import type { SnapshotFacts } from '../ports/history.ts';
import type { OperationContext } from './context.ts';

export interface ExpirePreview {
  readonly store: string;
  readonly decisions: readonly (RetentionDecision & Pick<SnapshotFacts, 'sizeBytes' | 'createdAt'>)[];
  /** Bytes of those that would go. */
  readonly freedBytes: number;
}

/** What `expire` would decide now, by what the history knows. Looks into no store and records no run. */
export async function previewExpire(plan: Plan, { history, clock }: Pick<OperationContext, 'history' | 'clock'>): Promise<ExpirePreview[]> {
  const now = clock.now();
  const previews: ExpirePreview[] = [];
  for (const { name, keep } of plan.stores) {
    const known = await history.facts({ plan: plan.name, store: name });
    const byId = new Map(known.map((facts) => [facts.id, facts]));
    const candidates = known.map((facts) => ({ ...facts, createdAt: new Date(facts.createdAt) }));
    const decisions = decideRetention(candidates, keep, now).flatMap((decision) => {
      const facts = byId.get(decision.id);
      return facts === undefined ? [] : [{ ...decision, sizeBytes: facts.sizeBytes, createdAt: facts.createdAt }];
    });
    const freedBytes = decisions.reduce((sum, { keep: stays, sizeBytes }) => (stays ? sum : sum + sizeBytes), 0);
    previews.push({ store: name, decisions, freedBytes });
  }
  return previews;
}
