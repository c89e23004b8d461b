import { HoldfastError, isHoldfastError, throwIfAborted } from '../domain/errors.ts';
import { manifestFormat, manifestVersion } from '../domain/manifest.ts';
import type { Issue, Manifest, UnitRecord } from '../domain/manifest.ts';
import { worstOutcome } from '../domain/outcome.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Plan, PlanSource } from '../domain/plan.ts';
import { snapshotSizeBytes } from '../domain/snapshot.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { DumpEngine } from '../ports/dump-engine.ts';
import type { SnapshotWriter, Store } from '../ports/store.ts';
import type { Source } from '../ports/source.ts';
import { firstStore, type OperationContext } from './context.ts';
import { copyToStore } from './copy-to-store.ts';
import { DatabaseTallies } from './database-tallies.ts';
import { snapshotNames, type NamedUnit, type SnapshotNames } from './names.ts';
import { metadataMember } from './read-archive.ts';
import { closeDeadRuns, recordRun, tolerateHistory, type RunReport } from './record-run.ts';
import { requireSpace } from './require-space.ts';
import { restoreCommands } from './restore-commands.ts';
import { sealManifest } from './seal.ts';
import { settle, type StoreResult } from './settle.ts';
import { snapshotsSoFar, type SnapshotsSoFar } from './snapshots-so-far.ts';
import { noteStorePlace } from './synchronise.ts';
import { bundleMetadata } from './verify.ts';
import { writeArchive, type WrittenArchive } from './write-archive.ts';

export interface BackupOptions {
  readonly description: string | null;
  /** Overrides what the plan says. */
  readonly verify?: Plan['verify'];
  readonly signal: AbortSignal;
}

export interface BackupReport extends RunReport {
  readonly plan: string;
  readonly snapshotId: string | null;
  readonly details: BackupDetails | null;
}

export interface BackupDetails {
  readonly createdAt: string;
  readonly sizeBytes: number;
  readonly readBytes: number;
  readonly parts: Manifest['parts'];
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
  readonly stores: readonly StoreResult[];
  /** Debris of dead runs that was removed. */
  readonly swept: readonly string[];
}

/**
 * One run of a plan: lock, preflight, read, pack, store, commit, copy, verify, expire. Never throws for what goes wrong on
 * the way: the report says it, the history keeps it, and the store is left as it was before.
 */
export async function backUp(plan: Plan, options: BackupOptions, context: OperationContext): Promise<BackupReport> {
  const report = await recordRun<BackupDetails>(context, {
    verb: 'backup',
    plan: plan.name,
    body: async (begun) => {
      await using _lock = await context.lock.acquire(plan.name);
      begun();
      return await runLocked(plan, options, context);
    },
  });
  const outcome = report.error?.code === 'LOCK_HELD' ? 'skipped' : report.outcome;
  return { ...report, outcome, plan: plan.name, details: withUnrecorded(report) };
}

/** A run that the history could not take is told where its other warnings are. */
function withUnrecorded({ runId, details }: Pick<BackupReport, 'runId' | 'details'>): BackupDetails | null {
  if (runId !== null || details === null) return details;
  const warning = 'This run is not recorded: the history of this machine could not be written; see holdfast status';
  return { ...details, warnings: [...details.warnings, warning] };
}

async function runLocked(plan: Plan, options: BackupOptions, context: OperationContext) {
  const { signal } = options;
  await using store = await context.openStore(firstStore(plan));
  const before = await preflight(plan, store, context, signal);
  const { snapshot, manifest } = await makeSnapshot(plan, { ...options, store, before }, context);
  const depth = options.verify ?? plan.verify;
  const first = await settle(snapshot, { plan, planStore: firstStore(plan), store, depth, signal }, context);
  const copies: StoreResult[] = [];
  for (const planStore of plan.stores.slice(1))
    copies.push(await copyToStore(planStore, { plan, from: store, snapshot, depth, signal }, context));
  const stores = [first, ...copies];
  const details: BackupDetails = {
    createdAt: manifest.createdAt,
    sizeBytes: snapshotSizeBytes(manifest),
    readBytes: manifest.units.reduce((sum, unit) => sum + unit.sizeBytes, 0),
    parts: manifest.parts,
    issues: manifest.issues,
    warnings: before.warnings,
    stores,
    swept: before.swept,
  };
  const failure = stores.find((result) => result.error !== null)?.error;
  const outcome = worstOutcome([manifest.outcome, first.outcome, ...copies.map(outcomeForRun)]);
  return { outcome, snapshotId: manifest.id, details, ...(failure === undefined || failure === null ? {} : { error: failure }) };
}

/** The snapshot stands in the first store: a copy that could not be made degrades the run, and is not the end of it. */
function outcomeForRun({ outcome }: StoreResult): Outcome {
  return outcome === 'failed' ? 'degraded' : outcome;
}

interface Before extends SnapshotsSoFar {
  readonly swept: readonly string[];
  readonly warnings: readonly string[];
}

/** Everything that can be found out before a byte is read. */
async function preflight(plan: Plan, store: Store, context: OperationContext, signal: AbortSignal): Promise<Before> {
  context.progress.step(`checking ${store.location}`, null, () => 0);
  await closeDeadRuns(context, plan.name);
  const before = await snapshotsSoFar(plan, store, context, signal);
  await store.probe(signal);
  await tolerateHistory(context, () => noteStorePlace(store, context.history, signal));
  const swept = await store.sweep(plan.name, signal);
  const { newest, unreadable, vanished } = before;
  // The last snapshot's size is the best guess at the next one's.
  await requireSpace(store, newest === undefined ? 1 : snapshotSizeBytes(newest), signal);
  const warnings = unreadable.map(({ id, error }) => `Snapshot "${id}" has a manifest that cannot be read: ${error.message}`);
  if (vanished.length > 0)
    warnings.push(`${vanished.length} of the snapshots in "${store.location}" are gone, and not by Holdfast: ${vanished.join(', ')}`);
  if (newest !== undefined && new Date(newest.createdAt) > context.clock.now())
    warnings.push(`The newest snapshot is dated ${newest.createdAt}, which is in the future: the clock was set back, or was wrong then`);
  return { ...before, swept, warnings };
}

interface Making extends BackupOptions {
  readonly store: Store;
  readonly before: Before;
}

/** The manifest is plain, for the report; the snapshot has it as it is stored. */
async function makeSnapshot(
  plan: Plan,
  making: Making,
  context: OperationContext,
): Promise<{ readonly snapshot: Snapshot; readonly manifest: Manifest }> {
  const { store, signal } = making;
  await using sources = new OpenSources(plan, context);
  context.progress.step('asking the sources what they hold', null, () => 0);
  const units = await sources.units(signal);
  requireDistinct(plan, units);
  const tallies = await DatabaseTallies.before({ plan, units, earlier: making.before.earlier }, context);
  const cipher = await context.openCipher(plan.encryption);
  const begun = await beginSnapshot(plan, units, { store, taken: making.before.ids, signal, now: context.clock.now() });
  const { names } = begun;
  await using writer = begun.writer;
  const describe = (written: WrittenArchive): Promise<Manifest> => describeSnapshot(plan, { names, making, written, tallies }, context);
  const metadata = async (written: Omit<WrittenArchive, 'parts'>): Promise<Uint8Array> =>
    bundleMetadata(await describe({ ...written, parts: [] }));
  const written = await writeArchive({
    plan,
    names,
    cipher,
    codecs: context.codecs,
    openDigester: () => context.openDigester(),
    openContentDigester: () => context.openContentDigester(),
    writer,
    progress: context.progress,
    signal,
    metadata,
  });
  const manifest = await describe(written);
  throwIfAborted(signal);
  const stored = await sealManifest(manifest, cipher);
  const { manifestSha256 } = await writer.commit(stored, signal);
  await tolerateHistory(context, () => context.history.recordSnapshot({ store: store.name, manifest: stored, manifestSha256 }));
  await tolerateHistory(context, () => context.history.recordTallies(plan.name, tallies.after(manifest)));
  return { manifest, snapshot: { store: store.name, manifest: stored, manifestSha256, verification: { kind: 'unverified' } } };
}

type SourcedUnit = Omit<NamedUnit, 'path'>;

/** A plan's sources, opened together and closed together on every way out. */
class OpenSources implements AsyncDisposable {
  readonly #opened: readonly { readonly planned: PlanSource; readonly source: Source }[];

  constructor(plan: Plan, context: OperationContext) {
    this.#opened = plan.sources.map((planned) => ({ planned, source: context.openSource(planned, plan) }));
  }

  async units(signal: AbortSignal): Promise<SourcedUnit[]> {
    const units: SourcedUnit[] = [];
    for (const { planned, source } of this.#opened)
      for (const unit of await source.units(signal)) units.push({ unit, source: { name: planned.name, kind: planned.kind } });
    return units;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map(({ source }) => source[Symbol.asyncDispose]()));
  }
}

/** In a bundle, no tree may take the folder of the dumps or the place of the manifest's copy, nor two trees one place. */
function requireDistinct(plan: Plan, units: readonly SourcedUnit[]): void {
  if (plan.layout !== 'bundle') return;
  const taken = new Map([[metadataMember, 'the copy of the manifest']]);
  for (const { unit, source } of units) if (unit.content === 'dump') taken.set(unit.folder, `the dumps of source "${source.name}"`);
  for (const { unit, source } of units) {
    if (unit.content !== 'tree') continue;
    for (const { archivePath } of unit.roots) {
      const other = taken.get(archivePath) ?? taken.get(archivePath.split('/')[0]!);
      if (other !== undefined) throw notDistinct(plan, { place: archivePath, source: source.name, other });
    }
    for (const { archivePath } of unit.roots) taken.set(archivePath, `source "${source.name}"`);
  }
}

function notDistinct(
  plan: Plan,
  { place, source, other }: { readonly place: string; readonly source: string; readonly other: string },
): HoldfastError {
  return new HoldfastError(
    'CONFIG_INVALID',
    `Cannot bundle plan "${plan.name}": "${place}" of source "${source}" is also the place of ${other}`,
    {
      hint: `Give source "${source}" another name in the plan (name: …)`,
    },
  );
}

interface FreeNames {
  readonly store: Store;
  /** Ids that other stores have. */
  readonly taken: ReadonlySet<string>;
  readonly signal: AbortSignal;
  readonly now: Date;
}

/** Another plan that shares the store may begin at the same moment, with the same names: then a later second is tried. */
const mostCollisions = 20;

/** Under names of this moment, or of the first later second whose names are all free. The clock may have been set back. */
async function beginSnapshot(
  plan: Plan,
  units: readonly SourcedUnit[],
  options: FreeNames,
): Promise<{ readonly names: SnapshotNames; readonly writer: SnapshotWriter }> {
  const { store, signal, now } = options;
  const ids = new Set([...(await store.listNames(signal)), ...options.taken]);
  let collisions = 0;
  for (let second = 0; ; second++) {
    const names = { ...snapshotNames(plan, units, new Date(now.getTime() + second * 1000)), createdAt: now };
    if (ids.has(names.id) || !(await areFree(names, options))) continue;
    const partNames = [...names.parts.map((part) => part.name), ...(names.contents === null ? [] : [names.contents])];
    try {
      return { names, writer: await store.begin({ id: names.id, plan: plan.name, partNames }, signal) };
    } catch (error) {
      collisions += 1;
      if (!isHoldfastError(error, 'NAME_TAKEN') || collisions === mostCollisions) throw error;
    }
  }
}

async function areFree(names: SnapshotNames, { store, signal }: { readonly store: Store; readonly signal: AbortSignal }): Promise<boolean> {
  for (const part of names.parts) if ((await store.statPart(part.name, signal)) !== undefined) return false;
  return true;
}

interface Described {
  readonly names: SnapshotNames;
  readonly making: Making;
  readonly written: WrittenArchive;
  readonly tallies: DatabaseTallies;
}

async function describeSnapshot(plan: Plan, { names, making, written, tallies }: Described, context: OperationContext): Promise<Manifest> {
  const issues = [...written.issues, ...tallies.issues(written.units)];
  const encryption: Manifest['encryption'] =
    plan.encryption === null
      ? null
      : { kind: plan.encryption.kind, recipients: plan.encryption.recipients, passphrase: plan.encryption.passphrase !== null };
  const stored = { layout: plan.layout, compression: plan.compression, encryption };
  return {
    format: manifestFormat,
    version: manifestVersion,
    id: names.id,
    plan: plan.name,
    sequence: making.before.lastSequence + 1,
    createdAt: names.createdAt.toISOString(),
    finishedAt: context.clock.now().toISOString(),
    host: context.host,
    holdfast: context.version,
    description: making.description,
    outcome: issues.some((issue) => issue.severity === 'loss') ? 'degraded' : 'succeeded',
    ...stored,
    ...written,
    issues,
    sealed: null,
    restore: restoreCommands(stored, written.units, await enginesOf(written.units, context)),
  };
}

async function enginesOf(units: readonly UnitRecord[], context: OperationContext): Promise<Map<string, DumpEngine>> {
  const engines = new Map<string, DumpEngine>();
  for (const unit of units) if (unit.content === 'dump') engines.set(unit.dump.engine, await context.openDumpEngine(unit.dump.engine));
  return engines;
}
