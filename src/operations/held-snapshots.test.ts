import { expect, test } from 'vitest';
import type { Plan } from '../domain/plan.ts';
import type { History, SnapshotFacts } from '../ports/history.ts';
import { heldSnapshots } from './held-snapshots.ts';

const passed = { kind: 'passed', depth: 'readable', at: new Date(0) } as const;
const failed = { kind: 'failed', depth: 'readable', at: new Date(0), findings: ['gone'] } as const;

function snapshot(store: string, sequence: number, more: Partial<SnapshotFacts> = {}): SnapshotFacts {
  return {
    store,
    id: `home-${String(sequence).padStart(4, '0')}`,
    plan: 'home',
    sequence,
    createdAt: new Date(sequence * 60_000).toISOString(),
    outcome: 'succeeded',
    sizeBytes: 2,
    description: null,
    encrypted: false,
    verification: { kind: 'unverified' },
    files: [],
    ...more,
  };
}

/** A history that answers by pages, as the real one does. */
function historyOf(known: readonly SnapshotFacts[]): Pick<History, 'facts'> {
  const placeOf = ({ createdAt, id, store }: Pick<SnapshotFacts, 'createdAt' | 'id' | 'store'>) => `${createdAt} ${id} ${store}`;
  const ordered = known.toSorted((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1));
  return {
    facts: ({ before, limit }) =>
      Promise.resolve(ordered.filter((facts) => before === undefined || placeOf(facts) < placeOf(before)).slice(0, limit)),
  };
}

function planWith(...stores: string[]): Plan {
  return { name: 'home', stores: stores.map((name) => ({ name })) } as unknown as Plan;
}

const many = (store: string, count: number) => Array.from({ length: count }, (_, index) => snapshot(store, index + 1));

test('what is held is counted over all pages, in the stores of the plan alone', async () => {
  const history = historyOf([...many('nas', 1200), ...many('usb', 700), ...many('old', 10)]);
  const { held, telling } = await heldSnapshots(planWith('nas', 'usb', 'tape'), history);
  expect(held.map(({ store, snapshots, sizeBytes, newest }) => [store, snapshots, sizeBytes, newest?.sequence])).toEqual([
    ['nas', 1200, 2400, 1200],
    ['usb', 700, 1400, 700],
    ['tape', 0, 0, undefined],
  ]);
  expect(held.map(({ candidates }) => candidates.length)).toEqual([1200, 700, 0]);
  expect(telling.map(({ store, sequence }) => [store, sequence])).toEqual([
    ['nas', 1200],
    ['usb', 700],
  ]);
});

test('the newest, the newest that counts and all that are damaged tell, by sequence and not by the clock', async () => {
  const { held, telling } = await heldSnapshots(
    planWith('nas'),
    historyOf([
      snapshot('nas', 6, { createdAt: new Date(0).toISOString() }),
      snapshot('nas', 5, { outcome: 'degraded', verification: passed }),
      snapshot('nas', 4, { verification: failed }),
      snapshot('nas', 3, { verification: passed }),
      snapshot('nas', 2, { verification: passed }),
      snapshot('nas', 1, { verification: failed }),
    ]),
  );
  expect(telling.map(({ sequence }) => sequence)).toEqual([6, 4, 3, 1]);
  expect(held).toMatchObject([{ newest: { sequence: 6 }, newestAt: new Date(5 * 60_000).toISOString(), candidates: [] }]);
});

test('of one in several stores, that of the first store comes first', async () => {
  const history = historyOf([snapshot('nas', 1), snapshot('usb', 1)]);
  const { telling } = await heldSnapshots(planWith('usb', 'nas'), history);
  expect(telling.map(({ store }) => store)).toEqual(['usb', 'nas']);
});
