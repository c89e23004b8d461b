import type { EnvironmentSetting } from '../ports/descriptor.ts';
import type { ConfigNode, MapEntry, MapNode, Origin } from './config-node.ts';
import { given, settingNode, type Environment, type Setting } from './environment-value.ts';
import type { Findings } from './findings.ts';
import type { Registries } from './plan-items.ts';
import { roleAt } from './schema-walk.ts';

/** A variable and the key of a plan that it sets. */
interface PlanSetting extends Setting {
  readonly path: readonly [string, ...string[]];
}

const planSettings: readonly PlanSetting[] = [
  { variable: 'BACKUP_LAYOUT', path: ['layout'], format: 'text', isSecret: false },
  { variable: 'BACKUP_COMPRESSION', path: ['compression', 'kind'], format: 'text', isSecret: false },
  { variable: 'BACKUP_COMPRESSION_LEVEL', path: ['compression', 'level'], format: 'number', isSecret: false },
  { variable: 'BACKUP_FILE_NAME', path: ['fileName'], format: 'text', isSecret: false },
  { variable: 'BACKUP_AGE_RECIPIENTS', path: ['encryption', 'recipients'], format: 'names', isSecret: false },
  { variable: 'BACKUP_AGE_PASSPHRASE', path: ['encryption', 'passphrase'], format: 'text', isSecret: true },
  { variable: 'BACKUP_AGE_IDENTITY', path: ['encryption', 'identity'], format: 'text', isSecret: true },
  { variable: 'BACKUP_SCHEDULE', path: ['schedule', 'cron'], format: 'text', isSecret: false },
  { variable: 'BACKUP_SCHEDULE_DAYS', path: ['schedule', 'days'], format: 'names', isSecret: false },
  { variable: 'BACKUP_SCHEDULE_TIME', path: ['schedule', 'time'], format: 'text', isSecret: false },
  { variable: 'BACKUP_VERIFY', path: ['verify'], format: 'text', isSecret: false },
  { variable: 'BACKUP_DRILL_SERVER', path: ['drill', 'server'], format: 'text', isSecret: true },
];

const keepSettings: readonly PlanSetting[] = [
  { variable: 'BACKUP_RETENTION_COUNT', path: ['last'], format: 'number', isSecret: false },
  { variable: 'BACKUP_RETENTION_DAYS', path: ['days'], format: 'number', isSecret: false },
  { variable: 'BACKUP_RETENTION_DAILY', path: ['daily'], format: 'number', isSecret: false },
  { variable: 'BACKUP_RETENTION_WEEKLY', path: ['weekly'], format: 'number', isSecret: false },
  { variable: 'BACKUP_RETENTION_MONTHLY', path: ['monthly'], format: 'number', isSecret: false },
  { variable: 'BACKUP_RETENTION_YEARLY', path: ['yearly'], format: 'number', isSecret: false },
];

const nameVariable = 'BACKUP_PLAN';
const enabledVariable = 'BACKUP_ENABLED';
const zoneVariable = 'BACKUP_TIMEZONE';

/** What one variable does: for the reference page and the list of known names. */
export interface KnownVariable {
  readonly variable: string;
  readonly sets: string;
  readonly format: EnvironmentSetting['format'];
  /** The name with `_FILE` appended works too. */
  readonly isSecret: boolean;
}

/** Every variable that makes a plan, in the order of the reference page. */
export function planVariables(registries: Registries): readonly KnownVariable[] {
  const ofKinds = [...registries.sources, ...registries.stores].flatMap((descriptor) =>
    kindSettings(descriptor).map(({ variable, path, format, isSecret }) => ({
      variable,
      sets: path === undefined ? `read by ${descriptor.kind} itself` : `${path.join('.')} of ${descriptor.kind}`,
      format,
      isSecret,
    })),
  );
  const ofPlans = planSettings.map(({ path, ...setting }) => ({ ...setting, sets: path.join('.') }));
  const ofKeep = keepSettings.map(({ path, ...setting }) => ({ ...setting, sets: `keep.${path.join('.')}` }));
  return [
    { variable: nameVariable, sets: 'name of the plan', format: 'text', isSecret: false },
    ...ofKinds,
    ...ofPlans,
    ...ofKeep,
    { variable: zoneVariable, sets: 'schedule.timeZone and keep.timeZone', format: 'text', isSecret: false },
    { variable: enabledVariable, sets: 'false: no schedule', format: 'flag', isSecret: false },
  ];
}

interface Kind {
  readonly kind: string;
  readonly schema: Parameters<typeof roleAt>[0];
  readonly environment?: readonly EnvironmentSetting[];
}

interface KindSetting extends Setting {
  readonly path: readonly [string] | undefined;
  readonly asks: boolean;
}

function kindSettings({ schema, environment = [] }: Kind): readonly KindSetting[] {
  return environment.map(({ variable, key, format, asks }) => ({
    variable,
    format,
    asks,
    path: key === null ? undefined : [key],
    isSecret: key !== null && roleAt(schema, [key]) === 'secret',
  }));
}

/** The plan that the environment describes. Undefined, with findings, when sources or stores are missing. */
export function environmentPlan(environment: Environment, registries: Registries, findings: Findings): MapEntry {
  const name = given(environment, nameVariable) ?? 'default';
  const origin = originOf(nameVariable);
  const sources = itemsOf(registries.sources, environment, findings);
  const stores = itemsOf(registries.stores, environment, findings).map((store) => withKeep(store, environment, findings));
  const entries: MapEntry[] = [
    entry('sources', { kind: 'list', items: sources, origin: originOf('DATABASE_URL') }),
    ...planEntries(environment, findings),
    entry('stores', { kind: 'list', items: stores, origin: originOf('BACKUP_DIR') }),
  ];
  return { key: name, keyOrigin: origin, value: { kind: 'map', entries, origin } };
}

function originOf(variable: string): Origin {
  return { kind: 'environment', variable };
}

function entry(key: string, value: ConfigNode): MapEntry {
  return { key, keyOrigin: value.origin, value };
}

function itemsOf(kinds: readonly Kind[], environment: Environment, findings: Findings): readonly MapNode[] {
  return kinds.flatMap((descriptor) => {
    const set = kindSettings(descriptor).flatMap((setting) => {
      const node = settingNode(setting, environment, findings);
      return node === undefined ? [] : [{ ...setting, node }];
    });
    const asking = set.find(({ asks }) => asks);
    if (asking === undefined) {
      const needed = kindSettings(descriptor).filter(({ asks }) => asks);
      for (const { variable, node } of set) {
        findings.warning(
          node.origin,
          [],
          `has no effect without ${needed.map((each) => each.variable).join(' or ')} (${variable} belongs to ${descriptor.kind})`,
        );
      }
      return [];
    }
    const origin = asking.node.origin;
    const kind = entry('kind', { kind: 'scalar', value: descriptor.kind, origin, verbatim: true });
    const keys = set.flatMap(({ path, node }) => (path === undefined ? [] : [entry(path[0], node)]));
    return [{ kind: 'map', entries: [kind, ...keys], origin } satisfies MapNode];
  });
}

/** Keys of the plan, nested where a path has two steps. */
function planEntries(environment: Environment, findings: Findings): readonly MapEntry[] {
  const isEnabled = settingNode({ variable: enabledVariable, format: 'flag', isSecret: false }, environment, findings);
  if (isEnabled?.kind === 'scalar' && typeof isEnabled.value !== 'boolean') {
    findings.problem(isEnabled.origin, [], 'must be true or false');
  }
  const isOff = isEnabled?.kind === 'scalar' && isEnabled.value === false;
  const groups = new Map<string, MapEntry[]>();
  const entries: MapEntry[] = [];
  for (const setting of planSettings) {
    const node = settingNode(setting, environment, findings);
    const [key, inner] = setting.path;
    if (node === undefined || (key === 'schedule' && isOff)) continue;
    if (inner === undefined) entries.push(entry(key, node));
    else groups.set(key, [...(groups.get(key) ?? []), entry(inner, node)]);
  }
  addZone(groups, 'schedule', environment);
  addDefaultCompression(groups);
  for (const [key, inside] of groups)
    entries.push(entry(key, { kind: 'map', entries: inside, origin: inside[0]?.keyOrigin ?? { kind: 'default' } }));
  return entries;
}

function addZone(groups: Map<string, MapEntry[]>, key: string, environment: Environment): void {
  const zone = given(environment, zoneVariable);
  const group = groups.get(key);
  if (zone === undefined || group === undefined) return;
  group.push(entry('timeZone', { kind: 'scalar', value: zone, origin: originOf(zoneVariable), verbatim: true }));
}

/** gzip, where a file's default is zstd: S1.3 and S3.1 name `.sql.gz`, and every machine has gunzip. */
function addDefaultCompression(groups: Map<string, MapEntry[]>): void {
  const group = groups.get('compression') ?? [];
  if (group.some(({ key }) => key === 'kind')) return;
  groups.set('compression', [entry('kind', { kind: 'scalar', value: 'gzip', origin: { kind: 'default' }, verbatim: true }), ...group]);
}

function withKeep(store: MapNode, environment: Environment, findings: Findings): MapNode {
  const rules = keepSettings.flatMap((setting) => {
    const node = settingNode(setting, environment, findings);
    return node === undefined ? [] : [entry(setting.path[0], node)];
  });
  const [first] = rules;
  if (first === undefined) return store;
  const groups = new Map([['keep', rules]]);
  if (rules.some(({ key }) => key !== 'last' && key !== 'days')) addZone(groups, 'keep', environment);
  return { ...store, entries: [...store.entries, entry('keep', { kind: 'map', entries: rules, origin: first.keyOrigin })] };
}
