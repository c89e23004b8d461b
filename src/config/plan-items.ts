import type { z } from 'zod';
import { isHoldfastError } from '../domain/errors.ts';
import type { KeepRules, PlanChannel, PlanSource } from '../domain/plan.ts';
import { eventGroups, eventKinds, type EventKind } from '../domain/events.ts';
import type { SourceDescriptor, StoreDescriptor } from '../ports/descriptor.ts';
import type { NotifierDescriptor } from '../ports/notifier.ts';
import { checkNode, type CheckedNode } from './check-node.ts';
import { entryOf, originAt, type ConfigNode, type KeyPath, type MapNode } from './config-node.ts';
import type { Materializing } from './materialize.ts';
import { suggestion } from '../domain/nearest.ts';
import { isEventGroup, notifySchema, sourceSchema, storeSchema, type KeepInput } from './plan-schema.ts';
import { withoutQuotes, withoutSecrets } from './redaction.ts';
import type { Shown, ShownMap } from './shown.ts';

export interface Registries {
  readonly sources: readonly SourceDescriptor[];
  readonly stores: readonly StoreDescriptor[];
  readonly notifiers: readonly NotifierDescriptor[];
}

export interface BuiltSource {
  readonly source: PlanSource;
  /** Names of what it will yield; null when only the system read can tell. */
  readonly unitNames: readonly string[] | null;
  readonly item: Item;
  readonly shown: ShownMap;
}

export interface BuiltStore {
  readonly kind: string;
  /** As the plan gives it. */
  readonly name: string | undefined;
  readonly location: string;
  readonly config: unknown;
  readonly keep: KeepRules | null;
  readonly item: Item;
  readonly shown: ShownMap;
}

export interface BuiltChannel {
  readonly channel: PlanChannel;
  readonly item: Item;
  readonly shown: ShownMap;
}

/** One entry of a list in a plan. */
export interface Item {
  readonly node: ConfigNode;
  readonly path: KeyPath;
}

export type Building = Materializing & { readonly registries: Registries };

/** Sources of a plan, each checked by its kind. What is wrong is in the findings. */
export async function buildSources(plan: MapNode, path: KeyPath, context: Building): Promise<readonly BuiltSource[]> {
  const built: BuiltSource[] = [];
  for (const item of itemsOf(plan, path, 'sources')) {
    const checked = await checkItem(item, { what: 'source', schema: sourceSchema, descriptors: context.registries.sources }, context);
    if (checked !== undefined) built.push(buildSource(checked, item, context));
  }
  refuseSameNames(
    'source',
    built.map(({ source, item }) => ({ name: source.name, item })),
    context,
  );
  return built;
}

function refuseSameNames(what: string, named: readonly { readonly name: string; readonly item: Item }[], { findings }: Building): void {
  for (const [index, { name, item }] of named.entries()) {
    if (named.findIndex((other) => other.name === name) === index) continue;
    const where = originAt(item.node, ['name']);
    findings.problem(where, [...item.path, 'name'], `another ${what} of the plan is named "${name}" too; give each a "name" of its own`);
  }
}

/** Stores of a plan, likewise. */
export async function buildStores(plan: MapNode, path: KeyPath, context: Building): Promise<readonly BuiltStore[]> {
  const built: BuiltStore[] = [];
  for (const item of itemsOf(plan, path, 'stores')) {
    const checked = await checkItem(item, { what: 'store', schema: storeSchema, descriptors: context.registries.stores }, context);
    if (checked === undefined) continue;
    const store = buildStore(checked, item, context);
    if (built.some((other) => other.location === store.location && other.kind === store.kind)) {
      context.findings.problem(
        item.node.origin,
        item.path,
        `the plan names ${store.location} twice; a copy in the same place protects nothing`,
      );
    }
    built.push(store);
  }
  return built;
}

/** Whom the plan tells, likewise. */
export async function buildChannels(plan: MapNode, path: KeyPath, context: Building): Promise<readonly BuiltChannel[]> {
  const built: BuiltChannel[] = [];
  for (const item of itemsOf(plan, path, 'notify')) {
    const checked = await checkItem(item, { what: 'channel', schema: notifySchema, descriptors: context.registries.notifiers }, context);
    if (checked !== undefined) built.push(buildChannel(checked, item, context));
  }
  refuseSameNames(
    'channel',
    built.map(({ channel, item }) => ({ name: channel.name, item })),
    context,
  );
  return built;
}

function itemsOf(plan: MapNode, path: KeyPath, key: string): readonly Item[] {
  const list = entryOf(plan, key)?.value;
  return list?.kind === 'list' ? list.items.map((node, index) => ({ node, path: [...path, key, index] })) : [];
}

interface ItemType<Descriptor, Schema> {
  readonly what: 'source' | 'store' | 'channel';
  /** Keys that every kind has. */
  readonly schema: Schema;
  readonly descriptors: readonly Descriptor[];
}

interface CheckedItem<Descriptor, Common> {
  readonly descriptor: Descriptor;
  readonly common: CheckedNode<Common>;
  readonly own: CheckedNode<unknown>;
}

async function checkItem<Descriptor extends { readonly kind: string; readonly schema: z.ZodType }, Schema extends z.ZodObject>(
  { node, path }: Item,
  { what, schema, descriptors }: ItemType<Descriptor, Schema>,
  context: Building,
): Promise<CheckedItem<Descriptor, z.infer<Schema>> | undefined> {
  if (node.kind !== 'map') {
    context.findings.problem(node.origin, path, `must be a ${what}: keys with values, "kind" among them`);
    return undefined;
  }
  const before = context.findings.problems.length;
  const commonKeys = Object.keys(schema.shape);
  const common = await checkNode({ node: only(node, (key) => commonKeys.includes(key)), path, schema, otherKeys: [] }, context);
  const descriptor = findDescriptor(node, path, { what, descriptors }, context);
  if (descriptor === undefined) return undefined;
  const ownNode = only(node, (key) => !commonKeys.includes(key));
  const own = await checkNode({ node: ownNode, path, schema: descriptor.schema, otherKeys: commonKeys }, context);
  if (common === undefined || own === undefined || context.findings.problems.length > before) return undefined;
  return { descriptor, common, own };
}

function only(node: MapNode, isWanted: (key: string) => boolean): MapNode {
  return { ...node, entries: node.entries.filter(({ key }) => isWanted(key)) };
}

function findDescriptor<Descriptor extends { readonly kind: string }>(
  node: MapNode,
  path: KeyPath,
  { what, descriptors }: { readonly what: string; readonly descriptors: readonly Descriptor[] },
  { findings }: Building,
): Descriptor | undefined {
  const kind = entryOf(node, 'kind')?.value;
  if (kind?.kind !== 'scalar' || typeof kind.value !== 'string') return undefined;
  const found = descriptors.find((descriptor) => descriptor.kind === kind.value);
  if (found === undefined) {
    const known = descriptors.map((descriptor) => descriptor.kind);
    findings.problem(
      kind.origin,
      [...path, 'kind'],
      `unknown kind of ${what} ${JSON.stringify(kind.value)}${suggestion(kind.value, known)}`,
    );
  }
  return found;
}

function buildSource(
  { descriptor, common, own }: CheckedItem<SourceDescriptor, z.infer<typeof sourceSchema>>,
  item: Item,
  context: Building,
): BuiltSource {
  const config = own.data;
  const name = common.data.name ?? plainName(ask(() => descriptor.defaultName(config), item, context) ?? descriptor.kind);
  const unitNames = descriptor.unitNames === undefined ? [name] : (ask(() => descriptor.unitNames?.(config), item, context) ?? null);
  return { source: { kind: descriptor.kind, name, config }, unitNames, item, shown: shownItem(common, own, name) };
}

/** A kind may look into a secret for an answer: one that was not found has none, one that makes no sense is a finding. */
function ask<T>(question: () => T, { node, path }: Item, { findings, seen }: Building): T | undefined {
  try {
    return question();
  } catch (cause) {
    if (isHoldfastError(cause, 'SECRET_MISSING')) return undefined;
    if (!isHoldfastError(cause, 'CONFIG_INVALID')) throw cause;
    const message = withoutQuotes(cause.message, seen);
    if (!findings.problems.some((told) => told.origin === node.origin && told.message === message))
      findings.problem(node.origin, path, message);
    return undefined;
  }
}

/** A default name is made of a database's or a folder's, which may hold any character. */
function plainName(name: string): string {
  return (
    name
      .replaceAll(/[^A-Za-z0-9._-]/gu, '_')
      .replace(/^[^A-Za-z0-9]+/u, '')
      .slice(0, 64) || 'source'
  );
}

function buildStore(
  { descriptor, common, own }: CheckedItem<StoreDescriptor, z.infer<typeof storeSchema>>,
  item: Item,
  context: Building,
): BuiltStore {
  const { name, keep } = common.data;
  return {
    kind: descriptor.kind,
    name,
    location: withoutSecrets(ask(() => descriptor.location(own.data), item, context) ?? descriptor.kind, context.seen),
    config: own.data,
    keep: keep === undefined ? null : keepRules(keep),
    item,
    shown: shownItem(common, own, undefined),
  };
}

function buildChannel(
  { descriptor, common, own }: CheckedItem<NotifierDescriptor, z.infer<typeof notifySchema>>,
  item: Item,
  context: Building,
): BuiltChannel {
  const { kind, always = [] } = descriptor;
  const place = ask(() => descriptor.place(own.data), item, context);
  const name = common.data.name ?? withoutSecrets(place === undefined ? kind : `${kind}:${place}`, context.seen);
  const wanted = new Set<EventKind>([...common.data.events.flatMap(kindsOf), ...always]);
  const events = eventKinds.filter((each) => wanted.has(each));
  return { channel: { kind, name, config: own.data, events }, item, shown: shownItem(common, own, name) };
}

function kindsOf(word: z.infer<typeof notifySchema>['events'][number]): readonly EventKind[] {
  return isEventGroup(word) ? eventGroups[word] : [word];
}

function keepRules(keep: KeepInput): KeepRules {
  return Object.fromEntries(Object.entries(keep).filter(([, rule]) => rule !== undefined));
}

/** `kind` and `name`, then the kind's own keys, then what else every kind has. */
function shownItem(common: CheckedNode<unknown>, own: CheckedNode<unknown>, name: string | undefined): ShownMap {
  const shared = new Map(common.shown.entries);
  if (name !== undefined && !shared.has('name')) shared.set('name', { kind: 'value', value: name, source: 'default' });
  const first = ['kind', 'name'].flatMap((key) => entry(key, shared.get(key)));
  const last = [...shared].filter(([key]) => key !== 'kind' && key !== 'name');
  return { kind: 'map', entries: [...first, ...own.shown.entries, ...last] };
}

function entry(key: string, shown: Shown | undefined): [string, Shown][] {
  return shown === undefined ? [] : [[key, shown]];
}
