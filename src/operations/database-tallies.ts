import { isEmptied, lossesSince, tallyKey, tallyOf, type DatabaseTally } from '../domain/database-tally.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Issue, Manifest, UnitRecord } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { OperationContext } from './context.ts';
import type { NamedUnit } from './names.ts';
import { tolerateHistory } from './record-run.ts';
import { unsealed } from './seal.ts';

/*
 * A database that was full and is empty is the failure that nobody sees: a volume that is not mounted, an application that
 * set itself up anew. What each held is kept in the history, where it is also when the key to read a snapshot is not here;
 * a history that does not know asks the manifests.
 */

interface Asking {
  readonly plan: Plan;
  readonly units: readonly Omit<NamedUnit, 'path'>[];
  /** Newest first. */
  readonly earlier: () => AsyncIterable<Manifest>;
}

/** Compares the dumps of a run with what their databases held before. */
export class DatabaseTallies {
  readonly #last: ReadonlyMap<string, DatabaseTally>;
  readonly #mayBeEmpty: ReadonlySet<string>;

  private constructor(last: ReadonlyMap<string, DatabaseTally>, mayBeEmpty: ReadonlySet<string>) {
    this.#last = last;
    this.#mayBeEmpty = mayBeEmpty;
  }

  static async before({ plan, units, earlier }: Asking, context: OperationContext): Promise<DatabaseTallies> {
    const dumps = units.flatMap(({ unit, source }) => (unit.content === 'dump' ? [{ unit, source }] : []));
    const keyOf = ({ unit, source }: (typeof dumps)[number]): string => tallyKey({ source: source.name, unit: unit.name });
    const known = (await tolerateHistory(context, () => context.history.tallies(plan.name))) ?? [];
    const last = new Map(known.map((tally) => [tallyKey(tally), tally]));
    const unknown = new Set(dumps.map(keyOf).filter((key) => !last.has(key)));
    if (unknown.size > 0)
      await tolerateHistory(context, async () => {
        for (const [key, tally] of await fromManifests({ plan, unknown, earlier }, context)) last.set(key, tally);
      });
    return new DatabaseTallies(last, new Set(dumps.filter(({ unit }) => unit.allowEmpty).map(keyOf)));
  }

  issues(units: readonly UnitRecord[]): Issue[] {
    return units.filter(isDump).flatMap((unit) => {
      const key = keyOfRecord(unit);
      const last = this.#last.get(key);
      return last === undefined ? [] : lossesSince(last, unit, { allowEmpty: this.#mayBeEmpty.has(key) });
    });
  }

  /** What the next run compares with. */
  after({ units, id }: Pick<Manifest, 'units' | 'id'>): DatabaseTally[] {
    return units.filter(isDump).map((unit) => {
      const key = keyOfRecord(unit);
      const [last, now] = [this.#last.get(key), tallyOf(unit, id)];
      const isMissed = last !== undefined && isEmptied(last, now) && !this.#mayBeEmpty.has(key);
      return isMissed ? { ...last, isMissed } : now;
    });
  }
}

interface Searching extends Pick<Asking, 'plan' | 'earlier'> {
  readonly unknown: ReadonlySet<string>;
}

/** A degraded snapshot may be the one that found a database emptied, so its word counts only for what it does hold. */
async function fromManifests({ plan, unknown, earlier }: Searching, context: OperationContext): Promise<Map<string, DatabaseTally>> {
  const found = new Map<string, DatabaseTally>();
  const missed = new Set<string>();
  for await (const stored of earlier()) {
    const manifest = await opened(stored, plan, context);
    for (const unit of manifest?.units.filter(isDump) ?? []) {
      const [key, tally] = [keyOfRecord(unit), tallyOf(unit, stored.id)];
      if (!unknown.has(key) || found.has(key)) continue;
      if (stored.outcome === 'degraded' && tally.rows === 0) missed.add(key);
      else found.set(key, { ...tally, isMissed: missed.has(key) });
    }
    if (manifest?.outcome === 'succeeded' || found.size === unknown.size) break;
  }
  return found;
}

/** Undefined when it cannot be read here: a machine that only backs up has no key. */
async function opened(manifest: Manifest, plan: Plan, context: OperationContext): Promise<Manifest | undefined> {
  try {
    return (await unsealed(manifest, plan, context)).manifest;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    context.log.debug(`what snapshot ${manifest.id} held is not known`, { error: error.message });
    return undefined;
  }
}

function isDump(unit: UnitRecord): unit is DumpRecord {
  return unit.content === 'dump';
}

function keyOfRecord({ sourceName, name }: DumpRecord): string {
  return tallyKey({ source: sourceName, unit: name });
}
