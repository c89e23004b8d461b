import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { ConfigureOptions, PreviewedRun } from './cli/doors.ts';
import type { LoadedConfig } from './config/load-config.ts';
import type { Plan, PlanChannel, PlanEncryption, PlanSource, PlanStore } from './domain/plan.ts';
import type { Secret } from './domain/secret.ts';
import type { AccountsContext } from './operations/accounts.ts';
import type { Configuration, OpenWorld, Started } from './operations/context.ts';
import type { DataDirectory } from './platform/data-directory.ts';
import type { Cipher } from './ports/cipher.ts';
import type { OpenContext, SourceDescriptor } from './ports/descriptor.ts';
import type { DumpEngine } from './ports/dump-engine.ts';
import type { History } from './ports/history.ts';
import type { Notifier } from './ports/notifier.ts';
import type { Progress } from './ports/progress.ts';
import type { ServiceState } from './ports/service-state.ts';
import type { Store } from './ports/store.ts';

/*
 * Where adapters are put together, for every process of Holdfast: commands, the service and its workers. Everything stands
 * behind an import at the place of its use.
 */

export const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string })
  .version;

// --- configuration ---

const loaded = new WeakMap<Configuration, LoadedConfig>();

/** Reads and validates the configuration; secrets are resolved in this process, from its own environment. */
export async function loadConfiguration({ file, store, missingSecrets }: ConfigureOptions, context: OpenContext): Promise<Configuration> {
  const stores = store === undefined ? [] : [localStoreAt(store)];
  const config = await loadFile({ file, missingSecrets, isOptional: store !== undefined }, context);
  if (config === null) return { plans: new Map(), stores, file: null, service: null, historyUrl: null, warnings: [] };
  const { formatFinding } = await import('./config/findings.ts');
  const { plans, file: path, service, history, warnings } = config;
  const configuration: Configuration = {
    plans,
    stores,
    file: path,
    service,
    historyUrl: history.url,
    warnings: warnings.map(formatFinding),
  };
  loaded.set(configuration, config);
  return configuration;
}

interface FileChoice extends Pick<ConfigureOptions, 'file' | 'missingSecrets'> {
  /** A store was named: then a machine without any configuration will do. */
  readonly isOptional: boolean;
}

async function loadFile({ file, missingSecrets, isOptional }: FileChoice, { environment }: OpenContext): Promise<LoadedConfig | null> {
  const [{ loadConfig }, { openReferences }, { readTextFile }, { isHoldfastError }, descriptors] = await Promise.all([
    import('./config/load-config.ts'),
    import('./secrets/references.ts'),
    import('./platform/text-file.ts'),
    import('./domain/errors.ts'),
    registries(),
  ]);
  const references = openReferences({ environment, readFile: readTextFile });
  try {
    return await loadConfig({ file, cwd: process.cwd(), environment, ...descriptors, readFile: readTextFile, references, missingSecrets });
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
  const [{ sourceDescriptors }, { storeDescriptors }, { notifierDescriptors }] = await Promise.all([
    import('./sources/registry.ts'),
    import('./stores/registry.ts'),
    import('./notifiers/registry.ts'),
  ]);
  return { sources: sourceDescriptors, stores: storeDescriptors, notifiers: notifierDescriptors };
}

export async function describeConfiguration(configuration: Configuration): Promise<{ readonly text: string; readonly json: unknown }> {
  const { configToJson, showConfig } = await import('./config/show-config.ts');
  const config = loaded.get(configuration);
  return config === undefined ? { text: 'no configuration', json: null } : { text: showConfig(config), json: configToJson(config) };
}

export async function configurationSchema(): Promise<unknown> {
  const { configSchema } = await import('./config/config-schema.ts');
  return configSchema(await registries());
}

/** The data directory of the user who runs this process. */
export async function ownDataDirectory({ environment }: OpenContext): Promise<DataDirectory> {
  const { openDataDirectory } = await import('./platform/data-directory.ts');
  return await openDataDirectory({ environment, uid: process.getuid?.() });
}

/** Tells when a plan's schedule first wants a backup after a given moment, on this installation; null when never. */
export async function nextBackups(context: OpenContext): Promise<(plan: Plan, after: Date) => Date | null> {
  const [{ installation }, { nextBackup }] = await Promise.all([ownDataDirectory(context), import('./scheduler/plan-schedules.ts')]);
  return (plan, after) => nextBackup(plan, installation, after);
}

/** What the schedules of these plans start next, on this installation. */
export async function preview(
  plans: readonly Plan[],
  options: { readonly from: Date; readonly count: number },
  context: OpenContext,
): Promise<readonly PreviewedRun[]> {
  const [{ installation }, { previewRuns }] = await Promise.all([ownDataDirectory(context), import('./scheduler/preview.ts')]);
  return previewRuns(plans, { ...options, installation });
}

/** What the service remembers, as commands reach it; a service may run meanwhile. */
export async function openStateBeside(context: OpenContext): Promise<ServiceState> {
  const [{ stateFile }, { openServiceState }] = await Promise.all([ownDataDirectory(context), import('./state/service-state.ts')]);
  return await openServiceState(stateFile, context);
}

/** Users and tokens, as commands reach them. */
export async function openAccounts(context: OpenContext): Promise<AccountsContext & AsyncDisposable> {
  const [state, { openPasswordHash }] = await Promise.all([openStateBeside(context), import('./platform/password-hash.ts')]);
  const { clock } = context;
  return { state, clock, passwords: openPasswordHash(), [Symbol.asyncDispose]: () => state[Symbol.asyncDispose]() };
}

/** The channels that plans name, as their kinds open them. */
export interface Channels {
  readonly open: (channel: PlanChannel) => Notifier;
  /** For people to see, without secrets. */
  readonly place: (channel: PlanChannel) => string;
}

export async function openChannels(context: OpenContext): Promise<Channels> {
  const { notifiers } = await registries();
  return {
    open: ({ kind, config }) => find(notifiers, kind).open(config, context),
    place: ({ kind, config }) => find(notifiers, kind).place(config),
  };
}

// --- the world of operations ---

export interface WorldOpening {
  readonly context: OpenContext;
  readonly progress: Progress;
  /** Who starts what, and who is told of it. */
  readonly started: Started;
  /** Looks through the whole history for damage. */
  readonly check: boolean;
  /** Null: a file in the data directory. */
  readonly historyUrl: Secret | null;
  /** A process that goes on waits for a server that is away; a command makes do with what the stores tell. */
  readonly staysOpen?: true;
}

/** Opens the history and everything that operations need. */
export async function openWorld({ context, progress, check, historyUrl, staysOpen, started }: WorldOpening): Promise<OpenWorld> {
  const [{ codecsOver }, { systemCompressors }, { Sha256 }, { ParallelContentDigester }, { openPlanLock }, { sources, stores }, data] =
    await Promise.all([
      import('./pipeline/codecs.ts'),
      import('./platform/compressors.ts'),
      import('./platform/sha256.ts'),
      import('./platform/content-digester.ts'),
      import('./platform/plan-lock.ts'),
      registries(),
      ownDataDirectory(context),
    ]);
  const { history, trouble: historyTrouble } = await openOneHistory(data, {
    context,
    check,
    historyUrl,
    ...(staysOpen === undefined ? {} : { staysOpen }),
  });
  const engines = new Map<string, Promise<DumpEngine>>();
  const sourceOf = (kind: string): SourceDescriptor => find(sources, kind);
  const ownDirectories = (planStores: readonly PlanStore[]): string[] => {
    const directories = planStores.flatMap(({ kind, config }) => find(stores, kind).directory?.(config) ?? []);
    return [data.path, ...directories].map(realPathIfPresent);
  };
  return {
    clock: context.clock,
    log: context.log,
    progress,
    history,
    historyTrouble,
    lock: openPlanLock(data.locksDirectory, context.clock),
    host: hostname(),
    version,
    canSetOwners: process.getuid?.() === 0,
    ...started,
    openSource: ({ kind, config, name }: PlanSource, plan) =>
      sourceOf(kind).open(config, { ...context, name, ownDirectories: ownDirectories(plan.stores) }),
    ownDirectories,
    openStore: (planStore) => openStore(planStore, { installation: data.installation, context, stores }),
    openCipher: (encryption) => openCipher(encryption, context),
    codecs: codecsOver(systemCompressors()),
    openDigester: () => new Sha256(),
    openContentDigester: () => new ParallelContentDigester(),
    openDumpEngine: (engine) => remembered(engines, engine, () => openDumpEngine(engine, sources, context)),
    openTreeTarget: async () => (await import('./sources/files/tree-target.ts')).openTreeTarget(context),
    resolveReference: (text) => resolveReference(text, context),
    liveDatabase: (plan, dump) => liveDatabase(plan, dump, { sourceOf, context }),
    [Symbol.asyncDispose]: () => history[Symbol.asyncDispose](),
  };
}

interface OpenedHistory {
  readonly history: History;
  readonly trouble: OpenWorld['historyTrouble'];
}

async function openOneHistory(
  { path: directory, historyFile }: DataDirectory,
  { historyUrl: url, staysOpen, ...opening }: Pick<WorldOpening, 'context' | 'check' | 'historyUrl' | 'staysOpen'>,
): Promise<OpenedHistory> {
  if (url === null) return await openOrReplaceHistory(historyFile, { ...opening, staysOpen: staysOpen === true });
  const { openPostgresHistory, openPostgresHistoryForCommand } = await import('./history/history.ts');
  const { clock, log } = opening.context;
  if (staysOpen === true) return { history: await openPostgresHistory({ url, directory, clock, log }), trouble: null };
  const { history, trouble } = await openPostgresHistoryForCommand({ url, directory, clock, log });
  return { history, trouble: trouble === null ? null : { code: trouble.code, message: trouble.message, hint: trouble.hint } };
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
 * one whose drive is full, another stands in for this one command; a process that stays open waits for the real one. Whoever
 * asks for the check wants that too.
 */
async function openOrReplaceHistory(
  file: string,
  { context, check, staysOpen }: Pick<WorldOpening, 'context' | 'check'> & { readonly staysOpen: boolean },
): Promise<OpenedHistory> {
  const { clock, log } = context;
  const [histories, { isHoldfastError }] = await Promise.all([import('./history/history.ts'), import('./domain/errors.ts')]);
  try {
    return { history: await histories.openHistoryWithSpool(file, { check, clock, log }), trouble: null };
  } catch (error) {
    if (!isHoldfastError(error, 'HISTORY_UNREADABLE')) throw error;
    if (error.details['full'] === true && staysOpen)
      return { history: await histories.openHistoryWhenThereIsSpace(file, { clock, log }), trouble: null };
    if (error.details['full'] === true && !check) {
      const { code, message, hint } = error;
      log.warn(`${message}; this command goes on without it, from what the stores hold, and is not recorded`, { next: hint });
      return { history: await histories.openStandInHistory(error), trouble: { code, message, hint } };
    }
    if (error.details['damaged'] !== true) throw error;
    const aside = await histories.setAsideHistory(file, clock);
    log.warn('The history was damaged; a new one is built from the stores. Snapshots count as unverified until holdfast verify --all', {
      damaged: aside,
    });
    return { history: await histories.openHistoryWithSpool(file, { check: false, clock, log }), trouble: null };
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

async function resolveReference(text: string, { environment }: OpenContext): Promise<Secret> {
  const [{ openReferences }, { readTextFile }, { HoldfastError }, { Secret }] = await Promise.all([
    import('./secrets/references.ts'),
    import('./platform/text-file.ts'),
    import('./domain/errors.ts'),
    import('./domain/secret.ts'),
  ]);
  const { text: value, origins, problem } = await openReferences({ environment, readFile: readTextFile }).resolve(text, process.cwd());
  if (value !== null && origins.length > 0) return new Secret(value, origins.join(' '));
  // A text without a reference may hold a password: it is not repeated.
  throw new HoldfastError('SECRET_MISSING', problem ?? 'What was given is not a reference to a secret', {
    hint: 'Give ${env:NAME}, ${file:/path} or ${credential:name}, and see that it leads to a value where Holdfast runs',
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
