import { homedir } from 'node:os';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { HoldfastError } from '../domain/errors.ts';
import type { Plan } from '../domain/plan.ts';
import type { SourceDescriptor, StoreDescriptor } from '../ports/descriptor.ts';
import type { NotifierDescriptor } from '../ports/notifier.ts';
import type { References } from '../ports/references.ts';
import type { ReadTextFile } from '../ports/text-file.ts';
import { entryOf, type ConfigNode, type MapEntry, type MapNode } from './config-node.ts';
import { warnOfUnknownVariables, warnOfUnusedVariables } from './environment-names.ts';
import { environmentPlan } from './environment-plan.ts';
import { given, type Environment } from './environment-value.ts';
import { configError, Findings, type Finding } from './findings.ts';
import type { Materializing } from './materialize.ts';
import { suggestion } from '../domain/nearest.ts';
import { buildPlan, type BuiltPlan } from './plan-builder.ts';
import type { Building } from './plan-items.ts';
import { withoutSecrets } from './redaction.ts';
import { readSettings, settingKeys, type Settings } from './service-settings.ts';
import type { ShownMap } from './shown.ts';
import { nameStores } from './store-names.ts';

export interface LoadOptions {
  /** As `--config` gives it. */
  readonly file?: string | undefined;
  readonly cwd: string;
  readonly environment: Environment;
  readonly sources: readonly SourceDescriptor[];
  readonly stores: readonly StoreDescriptor[];
  readonly notifiers: readonly NotifierDescriptor[];
  readonly readFile: ReadTextFile;
  readonly references: References;
  /**
   * What a secret that cannot be found does. `refuse` (default): the configuration is refused. `defer`: a warning now, and
   * `SECRET_MISSING` only from whatever needs the secret; for commands that must work on a bad day (list, restore).
   */
  readonly missingSecrets?: 'refuse' | 'defer';
}

/** Plans that are valid as a whole. */
export interface LoadedConfig extends Pick<Settings, 'service' | 'history'> {
  /** By name, in the order of the file. */
  readonly plans: ReadonlyMap<string, Plan>;
  /** Absolute; null when the environment alone configures. */
  readonly file: string | null;
  readonly warnings: readonly Finding[];
  /** What `showConfig` prints. */
  readonly shown: ShownMap;
}

const maxFileBytes = 1024 * 1024;

/**
 * Reads, checks and resolves the whole configuration. Throws one `CONFIG_INVALID` (or `SECRET_MISSING`, when that is all)
 * that lists everything found, and `CONFIG_NOT_FOUND` when there is neither file nor variable.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const file = await findFile(options);
  const context = buildingContext(options, file === null ? options.cwd : dirname(file.path));
  const what = file === null ? 'the environment' : file.shown;
  const root = file === null ? undefined : await rootOf(file, context);
  const entries = file === null ? environmentEntries(options, context) : planEntriesOf(root, context);
  const built = new Map<string, BuiltPlan>();
  for (const { key, value } of entries) {
    const plan = await buildPlan(key, value, ['plans', key], context);
    if (plan !== undefined) built.set(key, plan);
  }
  const plans = nameStores([...built.values()], context.findings);
  const planNames = entries.map(({ key }) => key);
  const settings = await readSettings(root, { environment: options.environment, planNames }, context);
  warnOfVariables(options, file, context);
  const { problems, warnings } = redacted(context);
  if (problems.length > 0 || settings === undefined) throw configError(problems, what);
  const { service, history } = settings;
  const byName = new Map(plans.map(({ plan }) => [plan.name, plan]));
  return { plans: byName, service, history, file: file?.path ?? null, warnings, shown: shownConfig(plans, settings) };
}

function buildingContext(
  { references, environment, cwd, missingSecrets = 'refuse', sources, stores, notifiers }: LoadOptions,
  directory: string,
): Building {
  return {
    references,
    findings: new Findings(),
    directory: resolve(cwd, directory),
    home: given(environment, 'HOME') ?? homedir(),
    missingSecrets,
    settled: new Set(),
    hidden: new Set(),
    unresolved: new Set(),
    usedVariables: new Set(),
    seen: new Set(),
    registries: { sources, stores, notifiers },
  };
}

interface ConfigFile {
  readonly path: string;
  /** Relative to the working directory when it lies below it. */
  readonly shown: string;
  readonly text: string;
}

async function findFile({ file, cwd, environment, readFile }: LoadOptions): Promise<ConfigFile | null> {
  const named = file ?? given(environment, 'HOLDFAST_CONFIG');
  const candidates = named === undefined ? ['holdfast.yaml', 'holdfast.yml', '/etc/holdfast/holdfast.yaml'] : [named];
  for (const candidate of candidates) {
    const path = resolve(cwd, candidate);
    try {
      const { text } = await readFile(path, maxFileBytes);
      return { path, shown: shownPath(path, cwd), text };
    } catch (cause) {
      if (named !== undefined || !isAbsent(cause))
        throw unreadableFile(path, { isFlag: file !== undefined, isNamed: named !== undefined }, cause);
    }
  }
  return null;
}

function shownPath(path: string, cwd: string): string {
  const below = relative(cwd, path);
  return below.startsWith('..') || isAbsolute(below) ? path : below;
}

function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR');
}

function unreadableFile(path: string, { isFlag, isNamed }: { isFlag: boolean; isNamed: boolean }, cause: unknown): HoldfastError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = isAbsent(cause)
    ? 'does not exist'
    : code === 'EACCES'
      ? 'cannot be read by this user'
      : code === 'EISDIR'
        ? 'is a directory'
        : code === 'EFBIG'
          ? 'is too large for a configuration'
          : `cannot be read (${code})`;
  const by = isFlag ? ' (named by --config)' : isNamed ? ' (named by HOLDFAST_CONFIG)' : '';
  return new HoldfastError('CONFIG_NOT_FOUND', `Cannot read the configuration: ${path}${by} ${reason}`, {
    hint: 'Name a readable file with --config FILE, or remove the option to use ./holdfast.yaml or the environment',
    cause,
    details: { path },
  });
}

/** The keys at the top of the file; undefined when there are none, and the findings say why. */
async function rootOf(file: ConfigFile, { findings }: Building): Promise<MapNode | undefined> {
  const { readYaml } = await import('./yaml-nodes.ts');
  const root = readYaml(file.text, file.shown, findings);
  if (root === undefined) return undefined;
  if (root.kind !== 'map') {
    findings.problem(
      root.origin,
      [],
      root.kind === 'scalar' && root.value === null ? 'is empty; it must hold "plans"' : 'must hold keys with values, "plans" among them',
    );
    return undefined;
  }
  const known = ['plans', ...settingKeys];
  for (const { key, keyOrigin } of root.entries) {
    if (!known.includes(key)) findings.problem(keyOrigin, [key], `unknown key ${JSON.stringify(key)}${suggestion(key, known)}`);
  }
  return root;
}

function planEntriesOf(root: MapNode | undefined, { findings }: Building): readonly MapEntry[] {
  if (root === undefined) return [];
  const plans = entryOf(root, 'plans');
  if (plans === undefined) findings.problem(root.origin, ['plans'], 'is missing');
  else if (plans.value.kind !== 'map' || plans.value.entries.length === 0)
    findings.problem(plans.keyOrigin, ['plans'], 'must hold at least one plan by name');
  else return plans.value.entries;
  return [];
}

function environmentEntries({ environment }: LoadOptions, context: Building): readonly MapEntry[] {
  const plan = environmentPlan(environment, context.registries, context.findings);
  const hasSources = hasItems(plan.value, 'sources');
  if (!hasSources && !hasItems(plan.value, 'stores')) throw nothingConfigured();
  if (!hasSources)
    missing(plan.key, 'sources', 'DATABASE_URL', `is not set, nor are PGHOST or BACKUP_FILES: one of them says what to back up`, context);
  if (!hasItems(plan.value, 'stores'))
    missing(plan.key, 'stores', 'BACKUP_DIR', 'is not set; it names the directory that receives the backups', context);
  return [plan];
}

function hasItems(plan: ConfigNode, key: string): boolean {
  const list = entryOf(plan, key)?.value;
  return list?.kind === 'list' && list.items.length > 0;
}

function missing(plan: string, key: string, variable: string, message: string, { findings, settled }: Materializing): void {
  findings.problem({ kind: 'environment', variable }, ['plans', plan, key], message);
  settled.add(`plans.${plan}.${key}`);
}

function nothingConfigured(): HoldfastError {
  return new HoldfastError(
    'CONFIG_NOT_FOUND',
    'Cannot find a configuration: no holdfast.yaml here or in /etc/holdfast, and no DATABASE_URL, PGHOST or BACKUP_FILES in the environment',
    {
      hint: `Set DATABASE_URL (or PGHOST, PGDATABASE, …; or BACKUP_FILES) and BACKUP_DIR, or write holdfast.yaml:

  plans:
    home:
      sources:
        - { kind: postgres, url: "\${env:DATABASE_URL}" }
        - { kind: files, paths: [/srv/photos] }
      stores:
        - { kind: local, path: /mnt/backups, keep: { daily: 7, weekly: 4 } }
`,
    },
  );
}

function warnOfVariables({ environment }: LoadOptions, file: ConfigFile | null, { registries, usedVariables, findings }: Building): void {
  warnOfUnknownVariables(environment, registries, usedVariables, findings);
  if (file !== null) warnOfUnusedVariables(environment, registries, usedVariables, { file: file.shown, findings });
}

function redacted({ findings, seen }: Building): Findings {
  const clean = (finding: Finding): Finding => ({ ...finding, message: withoutSecrets(finding.message, seen) });
  return Object.assign(new Findings(), { problems: findings.problems.map(clean), warnings: findings.warnings.map(clean) });
}

function shownConfig(plans: readonly { readonly plan: Plan; readonly shown: ShownMap }[], { shown }: Settings): ShownMap {
  const shownPlans = { kind: 'map' as const, entries: plans.map((each) => [each.plan.name, each.shown] as const) };
  return { kind: 'map', entries: [['plans', shownPlans], ...shown] };
}
