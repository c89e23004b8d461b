import type { FactsFilter, History, SnapshotFacts } from '../ports/history.ts';

/** So many are forgotten before they cost memory that stays. */
const pageSize = 500;

/** All snapshots of the filter, newest first by creation, without ever holding ten thousand of them. */
export async function* factsInPages(
  history: Pick<History, 'facts'>,
  filter: Pick<FactsFilter, 'plan' | 'store'>,
): AsyncGenerator<SnapshotFacts, void> {
  for (let before: SnapshotFacts | undefined; ;) {
    const page = await history.facts({ ...filter, limit: pageSize, ...(before === undefined ? {} : { before }) });
    yield* page;
    if (page.length < pageSize) return;
    before = page.at(-1);
  }
}
