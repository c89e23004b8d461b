import type { Compression } from '../domain/manifest.ts';
import { defaultLevel } from '../domain/compression.ts';
import { parseDuration } from '../domain/duration.ts';
import type { Objectives, Plan, PlanDrill, PlanEncryption, PlanSource } from '../domain/plan.ts';
import { entryOf, originAt, type ConfigNode, type KeyPath, type MapNode } from './config-node.ts';
import { defaultFileName } from './file-name.ts';
import { reportIssues, reportUnknownKeys } from './issues.ts';
import { materialize } from './materialize.ts';
import { defaultsAt } from './schema-walk.ts';
import {
  buildChannels,
  buildSources,
  buildStores,
  type Building,
  type BuiltChannel,
  type BuiltSource,
  type BuiltStore,
} from './plan-items.ts';
import { planNamePattern, planSchema, type PlanInput } from './plan-schema.ts';
import { buildSchedule, buildSchedules, shownSchedule, shownSchedules } from './plan-schedules.ts';
import { byDefault, type Shown, type ShownMap } from './shown.ts';

/** A plan, and the same as it may be shown. Stores have no name yet when the file gives none: that takes all plans. */
export interface BuiltPlan {
  readonly plan: Omit<Plan, 'stores'>;
  readonly stores: readonly BuiltStore[];
  readonly shown: ShownMap;
}

const itemKeys: ReadonlySet<string> = new Set(['sources', 'stores', 'notify']);

/** Checks one plan as a whole. Undefined when something is wrong; the findings say what. */
export async function buildPlan(name: string, node: ConfigNode, path: KeyPath, context: Building): Promise<BuiltPlan | undefined> {
  const { findings } = context;
  const before = findings.problems.length;
  if (!planNamePattern.test(name)) {
    findings.problem(node.origin, path, 'a plan\'s name must begin with a letter or digit and hold only a-z, 0-9, "_" and "-", at most 64');
  }
  if (node.kind !== 'map') {
    findings.problem(node.origin, path, 'must be a plan: keys with values, with at least "sources" and "stores"');
    return undefined;
  }
  const { input, shown } = await checkPlanKeys(node, path, context);
  const sources = await buildSources(node, path, context);
  const stores = await buildStores(node, path, context);
  const channels = await buildChannels(node, path, context);
  if (input.layout === 'separate') checkFileName(node, { path, fileName: input.fileName ?? defaultFileName.separate, sources }, context);
  refuseSameDatabases(sources, context);
  if (findings.problems.length > before) return undefined;
  return assemble(name, { input: input as PlanInput, shown, sources, stores, channels }, context);
}

interface CheckedPlan {
  readonly input: PlanInput;
  readonly shown: ShownMap;
  readonly sources: readonly BuiltSource[];
  readonly stores: readonly BuiltStore[];
  readonly channels: readonly BuiltChannel[];
}

function assemble(name: string, { input, shown, sources, stores, channels }: CheckedPlan, context: Building): BuiltPlan {
  const fileName = input.fileName ?? defaultFileName[input.layout];
  const schedule = buildSchedule(input.schedule);
  const compression = buildCompression(input.compression);
  const drill = buildDrill(input.drill);
  const schedules = buildSchedules(input.schedules, { schedule, drill });
  return {
    plan: {
      name,
      sources: sources.map(({ source }) => source),
      layout: input.layout,
      compression,
      encryption: buildEncryption(input.encryption, context),
      fileName,
      schedule,
      schedules,
      verify: input.verify,
      drill,
      objectives: buildObjectives(input.objectives),
      notify: channels.map(({ channel }) => channel),
    },
    stores,
    shown: completeShown(shown, { fileName, compression, schedule, schedules, items: { sources, stores, notify: channels } }),
  };
}

/** Each key by itself, so that a slip in one does not hide a slip in another. Keys that are refused are absent from the input. */
async function checkPlanKeys(node: MapNode, path: KeyPath, context: Building): Promise<{ input: Partial<PlanInput>; shown: ShownMap }> {
  const own: MapNode = { ...node, entries: node.entries.filter(({ key }) => !itemKeys.has(key)) };
  const { value, shown } = await materialize(own, { path, below: [], schema: planSchema }, context);
  const written = Object.assign(
    Object.create(null),
    value,
    Object.fromEntries([...itemKeys].flatMap((key) => listOf(entryOf(node, key)?.value, key))),
  ) as Record<string, unknown>;
  const input: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(planSchema.shape)) {
    const result = schema.safeParse(written[key]);
    if (result.success) input[key] = result.data;
    else
      reportIssues(
        result.error.issues.map((issue) => ({ ...issue, path: [key, ...issue.path] })),
        { node, path, schema: planSchema },
        context,
      );
  }
  const unknown = node.entries.map(({ key }) => key).filter((key) => !Object.hasOwn(planSchema.shape, key));
  reportUnknownKeys(unknown, [], { node, path, schema: planSchema }, context);
  return { input, shown: shown.kind === 'map' ? shown : { kind: 'map', entries: [] } };
}

/** Items are checked one by one elsewhere; here it only matters that they are a list. */
function listOf(node: ConfigNode | undefined, key: string): [string, unknown][] {
  if (node === undefined) return [];
  return [[key, node.kind === 'list' ? node.items : node.kind === 'map' ? {} : node.value]];
}

interface NamedFiles {
  readonly path: KeyPath;
  readonly fileName: string;
  readonly sources: readonly BuiltSource[];
}

function checkFileName(node: MapNode, { path, fileName, sources }: NamedFiles, { findings }: Building): void {
  const severalFiles = sources.length > 1 || sources.some(({ unitNames }) => unitNames === null || unitNames.length > 1);
  if (!severalFiles || fileName.includes('{name}')) return;
  findings.problem(originAt(node, ['fileName']), [...path, 'fileName'], 'must contain {name}, since a run writes several files');
}

/** Two servers may both have a database "app": file names, and people who restore, could not tell them apart. */
function refuseSameDatabases(sources: readonly BuiltSource[], { findings }: Building): void {
  const firstWith = new Map<string, PlanSource>();
  for (const { source, unitNames, item } of sources) {
    for (const unit of unitNames ?? []) {
      const unitKey = `${source.kind} ${unit}`;
      const other = firstWith.get(unitKey);
      if (other === undefined) firstWith.set(unitKey, source);
      else if (other.name !== source.name) {
        const message = `"${unit}" of "${source.name}" and of "${other.name}" would both be stored as "${unit}"; put one of them into a plan of its own`;
        findings.problem(item.node.origin, item.path, message);
      }
    }
  }
}

function buildCompression(input: PlanInput['compression']): Compression {
  if (typeof input === 'string') return { kind: input, level: defaultLevel[input] };
  return { kind: input.kind, level: input.level ?? defaultLevel[input.kind] };
}

function buildEncryption(input: PlanInput['encryption'], { unresolved }: Building): PlanEncryption | null {
  if (input === undefined) return null;
  const identities = [...(input.identities ?? []), ...(input.identity === undefined ? [] : [input.identity])];
  return {
    kind: 'age',
    recipients: input.recipients ?? [],
    passphrase: input.passphrase ?? null,
    identities: identities.filter((identity) => !unresolved.has(identity)),
  };
}

function buildDrill(input: PlanInput['drill']): PlanDrill {
  return { every: input?.every ?? null, server: input?.server ?? null };
}

function buildObjectives(input: PlanInput['objectives']): Objectives {
  const { rpo, rto } = input ?? {};
  return {
    rpoHours: rpo === undefined ? null : (parseDuration(rpo) ?? 0) / 3_600_000,
    rtoMinutes: rto === undefined ? null : (parseDuration(rto) ?? 0) / 60_000,
  };
}

interface Completion {
  readonly fileName: string;
  readonly compression: Compression;
  readonly schedule: Plan['schedule'];
  readonly schedules: Plan['schedules'];
  readonly items: Readonly<Record<'sources' | 'stores' | 'notify', readonly { readonly shown: ShownMap }[]>>;
}

/** Every key of the plan in the order of the schema, with what holds where nothing was written. */
function completeShown(shown: ShownMap, { fileName, compression, schedule, schedules, items }: Completion): ShownMap {
  const written = new Map(shown.entries);
  const defaults = defaultsAt(planSchema, []);
  const entries: [string, Shown][] = [];
  for (const key of Object.keys(planSchema.shape)) {
    const own = written.get(key);
    if (key === 'sources' || key === 'stores' || (key === 'notify' && items.notify.length > 0))
      entries.push([key, { kind: 'list', items: items[key].map((item) => item.shown) }]);
    else if (key === 'compression') entries.push([key, shownCompression(own, compression)]);
    else if (key === 'fileName') entries.push([key, own ?? byDefault(fileName)]);
    else if (key === 'schedule' && own?.kind === 'map' && schedule !== null)
      entries.push([key, shownSchedule(own, schedule, defaultsAt(planSchema, [key]))]);
    else if (key === 'schedules')
      entries.push(
        ...entry(
          key,
          shownSchedules(own, schedules, (verb) => defaultsAt(planSchema, [key, verb])),
        ),
      );
    else if (own !== undefined) entries.push([key, own]);
    else if (defaults.has(key)) entries.push([key, byDefault(String(defaults.get(key)))]);
  }
  return { kind: 'map', entries };
}

function entry(key: string, shown: Shown | undefined): [string, Shown][] {
  return shown === undefined ? [] : [[key, shown]];
}

function shownCompression(own: Shown | undefined, { kind, level }: Compression): Shown {
  const written = own?.kind === 'map' ? new Map(own.entries) : new Map<string, Shown>();
  const shownKind = written.get('kind') ?? (own?.kind === 'value' ? own : byDefault(kind));
  return {
    kind: 'map',
    entries: [
      ['kind', shownKind],
      ['level', written.get('level') ?? byDefault(level)],
    ],
  };
}
