import { missedCopies } from '../domain/missed-copies.ts';
import type { Plan } from '../domain/plan.ts';
import { counts } from '../domain/retention.ts';
import { assessHealth, type Health } from '../domain/staleness.ts';
import type { Run, SnapshotFacts } from '../ports/history.ts';
import type { OperationContext } from './context.ts';
import { type Held, heldSnapshots } from './held-snapshots.ts';

/** The last few of each verb tell the health; they are asked for apart, so that many of one hide none of the other. */
const runsRead = 10;

/** How a plan stands, as the history of this machine tells it. */
export interface PlanState {
  readonly plan: Plan;
  readonly health: Health;
  readonly newest: SnapshotFacts | undefined;
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
export interface CopyState extends Omit<Held, 'candidates'> {
  /** Which it lacks and would keep, and the next backup copies; of the first store none. */
  readonly missed: number;
}

/** `nextDue`: when the plan's schedule first wants a backup after the given moment; null when never. */
export async function planStatusOf(plan: Plan, context: OperationContext, nextDue: (after: Date) => Date | null): Promise<PlanState> {
  const now = context.clock.now();
  const { held, telling } = await heldSnapshots(plan, context.history);
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
    snapshots: telling.map((facts) => ({ ...facts, createdAt: new Date(facts.createdAt) })),
    runs: [...backups, ...drills].toSorted((a, b) => b.startedAt.getTime() - a.startedAt.getTime()),
    isRunning,
    dueAt: lastRun === undefined ? null : nextDue(lastRun.startedAt),
    now,
  });
  const newestProven = telling.find(counts);
  const copies = copiesOf(plan, held, now);
  return { plan, health, newest: telling[0], newestProven, copies, lastRun, lastDrill, nextDueAt: nextDue(now), isRunning, now };
}

function copiesOf({ stores, verify }: Plan, held: readonly Held[], now: Date): CopyState[] {
  const first = held[0]?.candidates ?? [];
  return held.map(({ candidates: here, ...copy }, index) => {
    const keep = stores[index]?.keep ?? null;
    return { ...copy, missed: missedCopies({ first, here, keep, verify, now }).length };
  });
}

/** In all stores together. */
export function heldInAll({ copies }: Pick<PlanState, 'copies'>): { readonly snapshots: number; readonly sizeBytes: number } {
  return {
    snapshots: copies.reduce((sum, { snapshots }) => sum + snapshots, 0),
    sizeBytes: copies.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}
