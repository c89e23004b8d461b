import { z } from 'zod';
import type { Principal } from '../domain/principal.ts';
import type { SnapshotFacts } from '../ports/history.ts';
import type { ApiContext } from './api-context.ts';
import type { ApiSnapshot } from './contract.ts';
import { pageOf, placeOf } from './cursors.ts';
import { presentSummary } from './present.ts';
import { boundTo, newestFactsFirst, sees, storesSeen } from './sight.ts';

export interface SnapshotsWanted {
  readonly plan?: string | undefined;
  readonly store?: string | undefined;
  readonly limit: number;
  readonly before?: string | undefined;
}

const place = z.strictObject({ createdAt: z.string().max(100), id: z.string().max(200), store: z.string().max(500) });

/** Newest first, in the stores that are configured: the history may know others. */
export async function snapshotsSeen(
  context: Pick<ApiContext, 'plans' | 'world'>,
  principal: Principal | null,
  { plan, store, limit, before }: SnapshotsWanted,
): Promise<{ readonly items: readonly ApiSnapshot[]; readonly next: string | null }> {
  const after = placeOf(before, place);
  const plans = plan === undefined ? (boundTo(principal) ?? [undefined]) : [plan].filter((name) => sees(principal, name));
  const stores = storesSeen(context, principal)
    .map(({ name }) => name)
    .filter((name) => store === undefined || name === store);
  const found: SnapshotFacts[] = [];
  for (const ofPlan of plans)
    for (const inStore of stores) {
      const filter = { store: inStore, limit: limit + 1, ...(ofPlan === undefined ? {} : { plan: ofPlan }) };
      found.push(...(await context.world.history.facts({ ...filter, ...(after === undefined ? {} : { before: after }) })));
    }
  const { items, next } = pageOf(found.toSorted(newestFactsFirst), limit, ({ createdAt, id, store: at }) => ({ createdAt, id, store: at }));
  return { items: items.map(presentSummary), next };
}
