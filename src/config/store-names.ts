import type { Plan, PlanStore } from '../domain/plan.ts';
import { originAt } from './config-node.ts';
import type { Findings } from './findings.ts';
import type { BuiltPlan } from './plan-builder.ts';
import type { BuiltStore } from './plan-items.ts';
import type { Shown, ShownMap } from './shown.ts';

/**
 * Gives every store its name: the one that some plan gives to its place, or else `<kind>:<location>`, which stays the same
 * whatever else is added to the file. The history knows snapshots by this name.
 */
export function nameStores(built: readonly BuiltPlan[], findings: Findings): readonly { readonly plan: Plan; readonly shown: ShownMap }[] {
  const stores = built.flatMap((plan) => plan.stores);
  const names = givenNames(stores, findings);
  return built.map(({ plan, stores: own, shown }) => {
    const named = own.map((store): PlanStore => ({ kind: store.kind, name: nameOf(store, names), config: store.config, keep: store.keep }));
    return { plan: { ...plan, stores: named }, shown: withNames(shown, named) };
  });
}

function placeOf({ kind, location }: BuiltStore): string {
  return `${kind}:${location}`;
}

function nameOf(store: BuiltStore, names: ReadonlyMap<string, string>): string {
  return names.get(placeOf(store)) ?? placeOf(store);
}

function givenNames(stores: readonly BuiltStore[], findings: Findings): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const places = new Map<string, string>();
  for (const store of stores) {
    if (store.name === undefined) continue;
    const place = placeOf(store);
    const refuse = (message: string) => findings.problem(originAt(store.item.node, ['name']), [...store.item.path, 'name'], message);
    const otherName = names.get(place);
    const otherPlace = places.get(store.name);
    if (otherName !== undefined && otherName !== store.name)
      refuse(`${store.location} is named "${otherName}" already; a place has one name in all plans`);
    if (otherPlace !== undefined && otherPlace !== place)
      refuse(`"${store.name}" is the name of ${otherPlace} already; every place needs a name of its own`);
    names.set(place, store.name);
    places.set(store.name, place);
  }
  return names;
}

function withNames(shown: ShownMap, stores: readonly PlanStore[]): ShownMap {
  const entries = shown.entries.map(([key, value]): readonly [string, Shown] => {
    if (key !== 'stores' || value.kind !== 'list') return [key, value];
    return [key, { kind: 'list', items: value.items.map((item, index) => withName(item, stores[index]?.name ?? '')) }];
  });
  return { kind: 'map', entries };
}

/** After `kind`, where a written name stands too. */
function withName(item: Shown, name: string): Shown {
  if (item.kind !== 'map' || item.entries.some(([key]) => key === 'name')) return item;
  const [kind, ...rest] = item.entries;
  const shownName: Shown = { kind: 'value', value: name, source: 'default' };
  return { kind: 'map', entries: [...(kind === undefined ? [] : [kind]), ['name', shownName], ...rest] };
}
