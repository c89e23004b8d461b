import { missedCopies } from '../domain/missed-copies.ts';
import type { Plan } from '../domain/plan.ts';
import { bySequence, counts } from '../domain/retention.ts';
import { assessHealth, type Health } from '../domain/staleness.ts';
import type { Verification } from '../domain/snapshot.ts';
import type { Run, SnapshotFacts } from '../ports/history.ts';
import type { OperationContext } from './context.ts';

/** The last few of each verb tell the health; they are asked for apart, so that many of one hide none of the other. */
const runsRead = 10;

/** How a plan stands, as the history of this machine tells it. */
export interface PlanState {
  readonly plan: Plan;
  readonly health: Health;
  /** In the plan's stores, newest first by sequence; of one in several stores, in the order of the stores. */
  readonly snapshots: readonly SnapshotFacts[];
  readonly newestProven: SnapshotFacts | undefined;
  /** One for each store of the plan, in their order. */
  readonly copies: readonly CopyState[];
  /** The newest backup, going on or ended. */
  readonly lastRun: Run | undefined;
  readonly lastDrill: Run | undefined;
  readonly nextDueAt: Date | null;
  readonly isRunning: boolean;
  readonly now: Date;
}

/** What a store of a plan holds of it. */
export interface CopyState {
  readonly store: string;
  readonly snapshots: number;
  readonly sizeBytes: number;
  readonly newest: SnapshotFacts | undefined;
  /** Which it lacks and would keep, and the next backup copies; of the first store none. */
  readonly missed: number;
}

/** `nextDue`: when the plan's schedule first wants a backup after the given moment; null when never. */
export async function planStatusOf(plan: Plan, context: OperationContext, nextDue: (after: Date) => Date | null): Promise<PlanState> {
  const now = context.clock.now();
  const snapshots = await snapshotsOf(plan, context);
  const backups = await context.history.runs({ plan: plan.name, verb: 'backup', limit: runsRead });
  const drills = await context.history.runs({ plan: plan.name, verb: 'drill', limit: runsRead });
  const [lastRun] = backups;
  const [lastDrill] = drills;
  const isRunning = await context.lock.isHeld(plan.name);
  const health = assessHealth({
    plan: plan.name,
    objectives: plan.objectives,
    drillEvery: plan.drill.every,
    stores: plan.stores.map((store) => store.name),
    snapshots: snapshots.map((facts) => ({ ...facts, createdAt: new Date(facts.createdAt) })),
    runs: [...backups, ...drills].toSorted((a, b) => b.startedAt.getTime() - a.startedAt.getTime()),
    isRunning,
    dueAt: lastRun === undefined ? null : nextDue(lastRun.startedAt),
    now,
  });
  const newestProven = snapshots.find(counts);
  const copies = copiesOf(plan, snapshots, now);
  return { plan, health, snapshots, newestProven, copies, lastRun, lastDrill, nextDueAt: nextDue(now), isRunning, now };
}

function copiesOf({ stores, verify }: Plan, snapshots: readonly SnapshotFacts[], now: Date): CopyState[] {
  const candidates = snapshots.map((facts) => ({ ...facts, createdAt: new Date(facts.createdAt) }));
  const first = candidates.filter(({ store }) => store === stores[0]?.name);
  const verification: Verification = verify === 'none' ? { kind: 'unverified' } : { kind: 'passed', depth: verify, at: now };
  return stores.map(({ name, keep }) => {
    const here = candidates.filter(({ store }) => store === name);
    return {
      store: name,
      snapshots: here.length,
      sizeBytes: here.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      newest: snapshots.find(({ store }) => store === name),
      missed: missedCopies({ first, here, keep, verification, now }).length,
    };
  });
}

/** The history may know other stores that the plan does not name any more. */
async function snapshotsOf(plan: Plan, { history }: OperationContext): Promise<SnapshotFacts[]> {
  const order = new Map(plan.stores.map(({ name }, index) => [name, index]));
  const known = await history.facts({ plan: plan.name });
  return known
    .filter(({ store }) => order.has(store))
    .toSorted((a, b) => bySequence(a, b) || (order.get(a.store) ?? 0) - (order.get(b.store) ?? 0));
}
