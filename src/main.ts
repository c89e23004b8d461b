import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Configuration, ConfigureOptions, Doors, OpenWorld } from './cli/doors.ts';
import type { Terminal } from './cli/terminal.ts';
import type { LoadedConfig } from './config/load-config.ts';
import type { Plan, PlanEncryption, PlanSchedule, PlanSource, PlanStore } from './domain/plan.ts';
import { secretVariable } from './platform/secret-variable.ts';
import type { Cipher } from './ports/cipher.ts';
import type { OpenContext, SourceDescriptor } from './ports/descriptor.ts';
import type { DumpEngine } from './ports/dump-engine.ts';
import type { History } from './ports/history.ts';
import type { Store } from './ports/store.ts';

/*
 * The composition root: the only file that constructs adapters and sets the exit code. What a command does not need is not
 * loaded, so everything stands behind an import at the place of its use.
 */

const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }).version;

async function main(): Promise<void> {
  const { Terminal } = await import('./cli/terminal.ts');
  const { systemClock } = await import('./platform/system-clock.ts');
  const { run } = await import('./cli/program.ts');
  const { env: environment } = process;
  const output = new Output();
  const options = {
    debug: environment['HOLDFAST_LOG'] === 'debug',
    colour: environment['NO_COLOR'] === undefined,
    monotonicMs: () => systemClock.monotonicMs(),
  };
  const terminal = new Terminal({ out: process.stdout, err: process.stderr }, options);
  const interruption = new Interruption(terminal);
  const context: OpenContext = { clock: systemClock, log: terminal, environment };
  const doors: Doors = {
    terminal,
    environment,
    secretVariable: (name) => secretVariable(environment, name),
    signal: interruption.signal,
    now: () => systemClock.now(),
    nextDue,
    absolutePath: (path) => resolve(path),
    configure: (wanted) => configure(wanted, context),
    describeConfiguration,
    configurationSchema,
    open: (_configuration, { checkHistory: check = false } = {}) => openWorld({ context, terminal, check }),
  };
  const exitCode = await run(process.argv.slice(2), doors, version);
  process.exitCode = interruption.exitCode ?? (exitCode === 0 && output.isLost ? 1 : exitCode);
}

/**
 * What reads our words may go away (`| head`, a closed terminal), and the disk behind a redirection may be full. A backup
 * goes on without being heard; only a result that could not be delivered, to somebody who still wanted it, is a failure.
 */
class Output {
  isLost = false;

  constructor() {
    process.stderr.on('error', () => undefined);
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return;
      this.isLost = true;
      process.exitCode ||= 1;
    });
  }
}

/** Ctrl-C and a service manager's stop end the operation in order; a second one ends the process. */
class Interruption {
  readonly #controller = new AbortController();
  exitCode: number | undefined;

  constructor(terminal: Terminal) {
    for (const [name, exitCode] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const)
      process.on(name, () => {
        if (this.exitCode !== undefined) process.exit(exitCode);
        this.exitCode = exitCode;
        terminal.warn(`${name}: stopping and cleaning up; once more ends at once`);
        void this.#abort(name);
      });
  }

  async #abort(name: string): Promise<void> {
    const { HoldfastError } = await import('./domain/errors.ts');
    this.#controller.abort(
      new HoldfastError('CANCELLED', `Stopped by ${name}`, { hint: 'Run the command again; nothing half-done was kept' }),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }
}

// --- configuration ---

const loaded = new WeakMap<Configuration, LoadedConfig>();

async function configure({ file, store, missingSecrets }: ConfigureOptions, context: OpenContext): Promise<Configuration> {
  const stores = store === undefined ? [] : [localStoreAt(store)];
  const config = await loadFile({ file, missingSecrets, isOptional: store !== undefined }, context);
  if (config === null) return { plans: new Map(), stores, file: null, warnings: [] };
  const { formatFinding } = await import('./config/findings.ts');
  const configuration: Configuration = { plans: config.plans, stores, file: config.file, warnings: config.warnings.map(formatFinding) };
  loaded.set(configuration, config);
  return configuration;
}

interface FileChoice extends Pick<ConfigureOptions, 'file' | 'missingSecrets'> {
  /** A store was named: then a machine without any configuration will do. */
  readonly isOptional: boolean;
}

async function loadFile({ file, missingSecrets, isOptional }: FileChoice, { environment }: OpenContext): Promise<LoadedConfig | null> {
  const [{ loadConfig }, { openReferences }, { readTextFile }, { isHoldfastError }, { sources, stores }] = await Promise.all([
    import('./config/load-config.ts'),
    import('./secrets/references.ts'),
    import('./platform/text-file.ts'),
    import('./domain/errors.ts'),
    registries(),
  ]);
  const references = openReferences({ environment, readFile: readTextFile });
  try {
    return await loadConfig({ file, cwd: process.cwd(), environment, sources, stores, readFile: readTextFile, references, missingSecrets });
  } catch (error) {
    if (isOptional && isHoldfastError(error, 'CONFIG_NOT_FOUND')) return null;
    throw error;
  }
}

/** The same name that a plan's store at this place has. */
function localStoreAt(path: string): PlanStore {
  const place = resolve(path);
  return { kind: 'local', name: `local:${place}`, config: { path: place }, keep: null };
}

async function registries() {
  const [{ sourceDescriptors }, { storeDescriptors }] = await Promise.all([
    import('./sources/registry.ts'),
    import('./stores/registry.ts'),
  ]);
  return { sources: sourceDescriptors, stores: storeDescriptors };
}

async function describeConfiguration(configuration: Configuration): Promise<{ readonly text: string; readonly json: unknown }> {
  const { configToJson, showConfig } = await import('./config/show-config.ts');
  const config = loaded.get(configuration);
  return config === undefined ? { text: 'no configuration', json: null } : { text: showConfig(config), json: configToJson(config) };
}

async function configurationSchema(): Promise<unknown> {
  const { configSchema } = await import('./config/config-schema.ts');
  return configSchema(await registries());
}

async function nextDue({ cron, timeZone }: PlanSchedule, after: Date): Promise<Date | null> {
  const { Cron } = await import('croner');
  return new Cron(cron, { mode: '5-part', paused: true, ...(timeZone === null ? {} : { timezone: timeZone }) }).nextRun(after);
}

// --- the world of operations ---

interface WorldOpening {
  readonly context: OpenContext;
  readonly terminal: Terminal;
  /** Looks through the whole history for damage. */
  readonly check: boolean;
}

async function openWorld({ context, terminal, check }: WorldOpening): Promise<OpenWorld> {
  const [{ BackgroundDigester }, { openDataDirectory }, { openPlanLock }, { sources, stores }] = await Promise.all([
    import('./platform/background-digester.ts'),
    import('./platform/data-directory.ts'),
    import('./platform/plan-lock.ts'),
    registries(),
  ]);
  const uid = process.getuid?.();
  const data = await openDataDirectory({ environment: context.environment, uid });
  const { history, trouble: historyTrouble } = await openOrReplaceHistory(data.historyFile, { context, check });
  const engines = new Map<string, Promise<DumpEngine>>();
  const sourceOf = (kind: string): SourceDescriptor => find(sources, kind);
  const ownDirectories = (planStores: readonly PlanStore[]): string[] => {
    const directories = planStores.flatMap(({ kind, config }) => find(stores, kind).directory?.(config) ?? []);
    return [data.path, ...directories].map(realPathIfPresent);
  };
  return {
    clock: context.clock,
    log: context.log,
    progress: terminal,
    history,
    historyTrouble,
    lock: openPlanLock(data.locksDirectory, context.clock),
    host: hostname(),
    version,
    canSetOwners: uid === 0,
    openSource: ({ kind, config, name }: PlanSource, plan) =>
      sourceOf(kind).open(config, { ...context, name, ownDirectories: ownDirectories(plan.stores) }),
    ownDirectories,
    openStore: (planStore) => openStore(planStore, { installation: data.installation, context, stores }),
    openCipher: (encryption) => openCipher(encryption, context),
    openDigester: () => new BackgroundDigester(),
    openDumpEngine: (engine) => remembered(engines, engine, () => openDumpEngine(engine, sources, context)),
    openTreeTarget: async () => (await import('./sources/files/tree-target.ts')).openTreeTarget(context),
    liveDatabase: (plan, dump) => liveDatabase(plan, dump, { sourceOf, context }),
    [Symbol.asyncDispose]: () => history[Symbol.asyncDispose](),
  };
}

/** A directory that is not there yet has no other name. */
function realPathIfPresent(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function find<T extends { readonly kind: string }>(descriptors: readonly T[], kind: string): T {
  const found = descriptors.find((descriptor) => descriptor.kind === kind);
  if (found === undefined) throw new Error(`nothing here knows the kind "${kind}", which the configuration accepted`);
  return found;
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/**
 * The history is an index over the stores: a damaged one is set aside, and rebuilt by the next look into them; in place of
 * one whose drive is full, another stands in for this one command. Whoever asks for the check wants the real one.
 */
async function openOrReplaceHistory(
  file: string,
  { context, check }: Pick<WorldOpening, 'context' | 'check'>,
): Promise<{ readonly history: History; readonly trouble: OpenWorld['historyTrouble'] }> {
  const { clock, log } = context;
  const [{ openHistory, openStandInHistory, setAsideHistory }, { isHoldfastError }] = await Promise.all([
    import('./history/history.ts'),
    import('./domain/errors.ts'),
  ]);
  try {
    return { history: await openHistory(file, { check }), trouble: null };
  } catch (error) {
    if (!isHoldfastError(error, 'HISTORY_UNREADABLE')) throw error;
    if (error.details['full'] === true && !check) {
      const { code, message, hint } = error;
      log.warn(`${message}; this command goes on without it, from what the stores hold, and is not recorded`, { next: hint });
      return { history: await openStandInHistory(error), trouble: { code, message, hint } };
    }
    if (error.details['damaged'] !== true) throw error;
    const aside = await setAsideHistory(file, clock);
    log.warn('The history was damaged; a new one is built from the stores. Snapshots count as unverified until holdfast verify --all', {
      damaged: aside,
    });
    return { history: await openHistory(file), trouble: null };
  }
}

interface StoreOpening {
  readonly installation: string;
  readonly context: OpenContext;
  readonly stores: Awaited<ReturnType<typeof registries>>['stores'];
}

async function openStore(planStore: PlanStore, { installation, context, stores }: StoreOpening): Promise<Store> {
  const descriptor = find(stores, planStore.kind);
  const [{ openArchiveStore }, { decodeManifest, encodeManifest }] = await Promise.all([
    import('./stores/archive-store.ts'),
    import('./pipeline/manifest-codec.ts'),
  ]);
  const objects = await descriptor.open(planStore.config, context);
  const codec = { encode: encodeManifest, decode: decodeManifest };
  const location = descriptor.location(planStore.config);
  return openArchiveStore({ objects, name: planStore.name, location, installation, codec, clock: context.clock, log: context.log });
}

async function openCipher(encryption: PlanEncryption | null, { environment }: OpenContext): Promise<Cipher | null> {
  if (encryption === null) return null;
  const { openAgeCipher } = await import('./platform/age-cipher.ts');
  if (encryption.identities.length > 0 || encryption.passphrase !== null) return openAgeCipher(encryption);
  // Keys at hand on the day of a restore, on a machine whose plan has none or that has no plan.
  const { keysFromEnvironment } = await import('./secrets/age-keys.ts');
  return openAgeCipher({ ...encryption, ...keysFromEnvironment(environment) });
}

async function openDumpEngine(engine: string, sources: readonly SourceDescriptor[], context: OpenContext): Promise<DumpEngine> {
  const descriptor = sources.find((source) => source.dumpEngine?.engine === engine);
  if (descriptor?.dumpEngine !== undefined) return await descriptor.dumpEngine.open(context);
  const { HoldfastError } = await import('./domain/errors.ts');
  throw new HoldfastError('MANIFEST_INVALID', `Cannot read a dump of "${engine}": this version of Holdfast does not know that system`, {
    hint: 'Use the version of Holdfast that the manifest names, or restore by the commands in the manifest',
  });
}

interface LiveLookup {
  readonly sourceOf: (kind: string) => SourceDescriptor;
  readonly context: OpenContext;
}

function liveDatabase(
  plan: Plan,
  { source, sourceName, database }: Parameters<OpenWorld['liveDatabase']>[1],
  { sourceOf, context }: LiveLookup,
) {
  const ofKind = plan.sources.filter(({ kind }) => kind === source);
  // A lone source may have been renamed since; among several only the name tells one server from another.
  const planned = ofKind.length === 1 ? ofKind[0] : ofKind.find(({ name }) => name === sourceName);
  return planned === undefined ? null : (sourceOf(planned.kind).liveDatabase?.(planned.config, database, context) ?? null);
}

// Last, when everything above is defined. `--version` loads nothing else.
if (process.argv.length === 3 && process.argv[2] === '--version') process.stdout.write(`${version}\n`);
else await main();
