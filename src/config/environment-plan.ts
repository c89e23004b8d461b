import type { EnvironmentSetting } from '../ports/descriptor.ts';
import type { ConfigNode, MapEntry, MapNode, Origin } from './config-node.ts';
import { entry, nested, placedSettings, type KeySetting, type Placed } from './environment-tree.ts';
import { given, settingNode, type Environment, type Setting } from './environment-value.ts';
import type { Findings } from './findings.ts';
import type { Registries } from './plan-items.ts';
import { roleAt } from './schema-walk.ts';

const planSettings: readonly KeySetting[] = [
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
  { variable: 'BACKUP_SCHEDULE_MISSED', path: ['schedule', 'missed'], format: 'text', isSecret: false },
  { variable: 'BACKUP_SCHEDULE_JITTER', path: ['schedule', 'jitter'], format: 'text', isSecret: false },
  { variable: 'BACKUP_CLEANUP_SCHEDULE', path: ['schedules', 'expire', 'cron'], format: 'text', isSecret: false },
  { variable: 'BACKUP_VERIFY_SCHEDULE', path: ['schedules', 'verify', 'cron'], format: 'text', isSecret: false },
  { variable: 'BACKUP_DRILL_SCHEDULE', path: ['schedules', 'drill', 'cron'], format: 'text', isSecret: false },
  { variable: 'BACKUP_VERIFY', path: ['verify'], format: 'text', isSecret: false },
  { variable: 'BACKUP_DRILL_SERVER', path: ['drill', 'server'], format: 'text', isSecret: true },
];

const keepSettings: readonly KeySetting[] = [
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
const eventsVariable = 'BACKUP_ALERT_ON';
const cleanupCron = '0 3 * * *';

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
  const ofKinds = [...registries.sources, ...registries.stores, ...registries.notifiers].flatMap((descriptor) =>
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
    { variable: eventsVariable, sets: 'events of every channel', format: 'names', isSecret: false },
    { variable: zoneVariable, sets: 'timeZone of schedule, schedules and keep', format: 'text', isSecret: false },
    { variable: enabledVariable, sets: 'false: no schedule at all', format: 'flag', isSecret: false },
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
  const channels = withEvents(itemsOf(registries.notifiers, environment, findings), environment, findings);
  const [first] = channels;
  const entries: MapEntry[] = [
    entry('sources', { kind: 'list', items: sources, origin: originOf('DATABASE_URL') }),
    ...planEntries(environment, findings),
    entry('stores', { kind: 'list', items: stores, origin: originOf('BACKUP_DIR') }),
    ...(first === undefined ? [] : [entry('notify', { kind: 'list', items: channels, origin: first.origin })]),
  ];
  return { key: name, keyOrigin: origin, value: { kind: 'map', entries, origin } };
}

function originOf(variable: string): Origin {
  return { kind: 'environment', variable };
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

/** Keys of the plan beside its sources, stores and channels. */
function planEntries(environment: Environment, findings: Findings): readonly MapEntry[] {
  const isOff = isSwitchedOff(environment, findings);
  const placed = placedSettings(planSettings, environment, findings).filter(({ path }) => !isOff || !isOfSchedules(path));
  const all = [...defaultCompression(placed), ...placed, ...defaultCleanup(placed, environment)];
  return nested([...all, ...zones(all, environment)]);
}

function isSwitchedOff(environment: Environment, findings: Findings): boolean {
  const isEnabled = settingNode({ variable: enabledVariable, format: 'flag', isSecret: false }, environment, findings);
  if (isEnabled?.kind !== 'scalar') return false;
  if (typeof isEnabled.value !== 'boolean') findings.problem(isEnabled.origin, [], 'must be true or false');
  return isEnabled.value === false;
}

function isOfSchedules([key]: Placed['path']): boolean {
  return key === 'schedule' || key === 'schedules';
}

function byDefault(path: Placed['path'], value: string): Placed {
  return { path, node: { kind: 'scalar', value, origin: { kind: 'default' }, verbatim: true } };
}

/** gzip, where a file's default is zstd: every machine has gunzip. */
function defaultCompression(placed: readonly Placed[]): readonly Placed[] {
  const path = ['compression', 'kind'];
  return placed.some((each) => isAt(each, path)) ? [] : [byDefault(path, 'gzip')];
}

/** A service that makes backups on schedule, and is told how long to keep them, removes old ones every night. */
function defaultCleanup(placed: readonly Placed[], environment: Environment): readonly Placed[] {
  const path = ['schedules', 'expire', 'cron'];
  const isWanted =
    placed.some((each) => each.path[0] === 'schedule') && keepSettings.some(({ variable }) => given(environment, variable) !== undefined);
  return isWanted && !placed.some((each) => isAt(each, path)) ? [byDefault(path, cleanupCron)] : [];
}

function isAt({ path }: Placed, wanted: Placed['path']): boolean {
  return path.join('.') === wanted.join('.');
}

/** Every schedule is in the one time zone that the environment names. */
function zones(placed: readonly Placed[], environment: Environment): readonly Placed[] {
  const zone = zoneNode(environment);
  if (zone === undefined) return [];
  const schedules = new Set(placed.filter(({ path }) => isOfSchedules(path)).map(({ path }) => path.slice(0, -1).join('.')));
  return [...schedules].map((path) => ({ path: [...path.split('.'), 'timeZone'], node: zone }));
}

function zoneNode(environment: Environment): ConfigNode | undefined {
  const zone = given(environment, zoneVariable);
  return zone === undefined ? undefined : { kind: 'scalar', value: zone, origin: originOf(zoneVariable), verbatim: true };
}

function withKeep(store: MapNode, environment: Environment, findings: Findings): MapNode {
  const placed = placedSettings(keepSettings, environment, findings);
  const [first] = placed;
  if (first === undefined) return store;
  const zone = placed.some(({ path: [key] }) => key !== 'last' && key !== 'days') ? zoneNode(environment) : undefined;
  const rules = nested([...placed, ...(zone === undefined ? [] : [{ path: ['timeZone'], node: zone }])]);
  return { ...store, entries: [...store.entries, entry('keep', { kind: 'map', entries: rules, origin: first.node.origin })] };
}

/** One variable says for all channels what is told. */
function withEvents(channels: readonly MapNode[], environment: Environment, findings: Findings): readonly MapNode[] {
  const node = settingNode({ variable: eventsVariable, format: 'names', isSecret: false }, environment, findings);
  if (node === undefined) return channels;
  if (channels.length === 0) findings.warning(node.origin, [], 'has no effect: no other BACKUP_ALERT_… variable says whom to tell');
  const events: ConfigNode = node.kind === 'list' ? node : { kind: 'list', items: [node], origin: node.origin };
  return channels.map((channel) => ({ ...channel, entries: [...channel.entries, entry('events', events)] }));
}
