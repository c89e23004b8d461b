import type { Plan } from '../../domain/plan.ts';
import { factsInPages } from '../../operations/facts-in-pages.ts';
import type { History, Run, RunTotal, Verb } from '../../ports/history.ts';

/** What metrics need of the history. */
export interface Figures {
  readonly totals: readonly RunTotal[];
  /** Of each plan and verb the newest run that ended. */
  readonly lastRuns: readonly Run[];
  readonly kept: readonly Kept[];
}

/** Snapshots of one plan in one store. */
export interface Kept {
  readonly plan: string;
  readonly store: string;
  readonly snapshots: number;
  readonly sizeBytes: number;
  readonly newestAt: Date;
}

const verbs: readonly Verb[] = ['backup', 'verify', 'drill', 'restore', 'expire', 'copy', 'delete', 'rescue'];
/** Runs that go on hide none of those that ended: so many of one plan and verb never go on together. */
const runsRead = 5;

/** Reads the figures when the history changed, and answers with the last known ones otherwise. Throws when it cannot be read. */
export function figuresOf(history: History, plans: ReadonlyMap<string, Plan>): () => Promise<Figures> {
  let known: { readonly revision: string; readonly figures: Figures } | null = null;
  return async () => {
    const revision = await history.revision();
    if (known?.revision !== revision) known = { revision, figures: await read(history, [...plans.keys()]) };
    return known.figures;
  };
}

async function read(history: History, plans: readonly string[]): Promise<Figures> {
  const pairs = plans.flatMap((plan) => verbs.map((verb) => ({ plan, verb })));
  const runs: Run[] = [];
  for (const pair of pairs) {
    const last = (await history.runs({ ...pair, limit: runsRead })).find(({ end }) => end !== null);
    if (last !== undefined) runs.push(last);
  }
  const kept = new Map<string, Kept>();
  for await (const { plan, store, sizeBytes, createdAt } of factsInPages(history, {})) {
    const before = kept.get(`${plan}\n${store}`) ?? { plan, store, snapshots: 0, sizeBytes: 0, newestAt: new Date(createdAt) };
    kept.set(`${plan}\n${store}`, { ...before, snapshots: before.snapshots + 1, sizeBytes: before.sizeBytes + sizeBytes });
  }
  return { totals: await history.runTotals(), lastRuns: runs, kept: [...kept.values()] };
}
