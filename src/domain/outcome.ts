/** How a run ended, for a whole run or for one of its sources or stores. */
export type Outcome = 'succeeded' | 'degraded' | 'failed' | 'skipped' | 'cancelled';

/** Worst first: the outcome of a whole is the worst of its parts. */
const worstFirst: readonly Outcome[] = ['failed', 'cancelled', 'degraded', 'succeeded', 'skipped'];

/** The outcome of a whole made of these parts; `skipped` when there are none. */
export function worstOutcome(outcomes: Iterable<Outcome>): Outcome {
  let worst = worstFirst.length - 1;
  for (const outcome of outcomes) worst = Math.min(worst, worstFirst.indexOf(outcome));
  return worstFirst[worst] ?? 'skipped';
}
