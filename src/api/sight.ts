import { HoldfastError } from '../domain/errors.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import { mayAct, type Principal } from '../domain/principal.ts';
import { storesOf, type Found } from '../operations/choose.ts';
import type { SnapshotFacts } from '../ports/history.ts';
import type { ApiContext } from './api-context.ts';

/*
 * Whom what is shown: a token that is bound to plans sees those alone, and of the others not even that they exist.
 */

/** True for everybody but a token that is bound to other plans. What belongs to no plan is hidden from bound tokens too. */
export function sees(principal: Principal | null, plan: string | null): boolean {
  if (principal === null) return false;
  return mayAct(principal, 'viewer', plan) && !(plan === null && boundTo(principal) !== null);
}

/** Names of the plans that a token is bound to; null for everybody else. */
export function boundTo(principal: Principal | null): readonly string[] | null {
  return principal?.kind === 'token' ? principal.plans : null;
}

/** Throws `FORBIDDEN` for a token that is bound to plans: what it asks for tells of all of them. */
export function requireAllPlans(principal: Principal | null): void {
  if (boundTo(principal) === null) return;
  throw new HoldfastError('FORBIDDEN', 'A token that is bound to plans may not see what tells of all plans', {
    hint: 'Use a token of the same role that is bound to no plan',
  });
}

function plansSeen({ plans }: Pick<ApiContext, 'plans'>, principal: Principal | null): Plan[] {
  return [...plans.values()].filter(({ name }) => sees(principal, name));
}

/** Throws `PLAN_UNKNOWN` for a plan that is not there, or not for this principal. */
export function planNamed({ plans }: Pick<ApiContext, 'plans'>, principal: Principal | null, name: string): Plan {
  const plan = plans.get(name);
  if (plan !== undefined && sees(principal, name)) return plan;
  throw new HoldfastError('PLAN_UNKNOWN', `There is no plan "${name}"`, { hint: 'See which there are: GET /api/v1/plans' });
}

/** Every store that is configured, each once, of the plans that are seen. */
export function storesSeen(context: Pick<ApiContext, 'plans'>, principal: Principal | null): PlanStore[] {
  return storesOf({ plans: context.plans, stores: [] }, plansSeen(context, principal));
}

/**
 * Every copy of a snapshot in the stores that are configured, those of its own plan first. Throws `SNAPSHOT_UNKNOWN` when
 * there is none, or none for this principal, or none of the plan or in the store that is named.
 */
export async function copiesOf(
  context: Pick<ApiContext, 'plans' | 'world'>,
  principal: Principal | null,
  { id, plan: ofPlan, store }: { readonly id: string; readonly plan?: string; readonly store?: string | undefined },
): Promise<readonly [Found, ...Found[]]> {
  const filter = { id, ...(ofPlan === undefined ? {} : { plan: ofPlan }), ...(store === undefined ? {} : { store }) };
  const known = await context.world.history.snapshots(filter);
  const plan = context.plans.get(known[0]?.manifest.plan ?? '') ?? null;
  const all = [...context.plans.values()];
  const order = storesOf({ plans: context.plans, stores: [] }, plan === null ? all : [plan, ...all]);
  const copies = order.flatMap((planStore): Found[] =>
    known
      .filter((snapshot) => snapshot.store === planStore.name && sees(principal, snapshot.manifest.plan))
      .map((snapshot) => ({ plan, planStore, snapshot })),
  );
  const [first, ...others] = copies;
  if (first !== undefined) return [first, ...others];
  throw unknownSnapshot(id, store);
}

/** The copy to read: the first that is not known to be damaged. */
export function bestOf(copies: readonly [Found, ...Found[]]): Found {
  return copies.find(({ snapshot }) => snapshot.verification.kind !== 'failed') ?? copies[0];
}

function unknownSnapshot(id: string, store?: string): HoldfastError {
  const where = store === undefined ? 'any configured store' : `store "${store}"`;
  return new HoldfastError('SNAPSHOT_UNKNOWN', `There is no snapshot "${id}" in ${where}`, {
    hint: 'See which there are: GET /api/v1/snapshots',
  });
}

/** Newest first, as `History.facts` orders them. */
export function newestFactsFirst(a: PlaceInList, b: PlaceInList): number {
  return descending(a.createdAt, b.createdAt) || descending(a.id, b.id) || descending(a.store, b.store);
}

export type PlaceInList = Pick<SnapshotFacts, 'createdAt' | 'id' | 'store'>;

function descending(a: string, b: string): number {
  return a < b ? 1 : a > b ? -1 : 0;
}
