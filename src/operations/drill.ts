import { HoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Manifest } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { DumpEngine, DumpTarget, TableDifference } from '../ports/dump-engine.ts';
import type { Store } from '../ports/store.ts';
import type { OperationContext } from './context.ts';
import { dumpBytes, type ArchiveReading } from './read-archive.ts';
import { closeDeadRuns, recordRun, tellError, type RunReport } from './record-run.ts';
import { extractTrees, listedEntries } from './extract-trees.ts';
import { unsealed } from './seal.ts';
import { manifestFindings, remember } from './verify.ts';

export interface DrillReport extends RunReport {
  readonly plan: string;
  readonly snapshotId: string | null;
  readonly details: DrillDetails | null;
}

export interface DrillDetails {
  readonly store: string;
  /** How long restoring took, comparing left out: what a real restore would take on this machine. */
  readonly rtoMs: number;
  /** Age of the data at the moment of the drill. */
  readonly rpoMs: number;
  readonly compareMs: number;
  readonly databases: readonly DrilledDatabase[];
  readonly trees: DrilledTrees | null;
  readonly remarks: readonly string[];
}

export interface DrilledDatabase {
  readonly database: string;
  readonly location: string;
  readonly tables: readonly {
    readonly table: string;
    readonly rows: number;
    readonly sha256: string;
    readonly difference: TableDifference | null;
  }[];
  readonly differences: readonly TableDifference[];
}

export interface DrilledTrees {
  readonly entries: number;
  readonly compared: number;
  readonly differences: readonly string[];
}

interface DrillRequest {
  readonly plan: Plan;
  readonly store: Store;
  readonly snapshot: Snapshot;
  readonly signal: AbortSignal;
}

/**
 * Restores a snapshot into a scratch place, compares every table's rows and digest and every file's digest with the
 * manifest, and removes the scratch place on every way out. The result is recorded as the snapshot's verification.
 */
export async function drill(request: DrillRequest, context: OperationContext): Promise<DrillReport> {
  const { plan, snapshot } = request;
  const report = await recordRun<DrillDetails>(context, {
    verb: 'drill',
    plan: plan.name,
    body: async () => {
      await using _lock = await context.lock.acquire(`${plan.name}.drill`);
      await closeDeadRuns(context, plan.name);
      const details = await restoreAndCompare(request, context);
      const findings = differencesOf(details);
      const key = { store: snapshot.store, id: snapshot.manifest.id };
      const at = context.clock.now();
      if (findings.length === 0) {
        await remember(context, key, { kind: 'passed', depth: 'drilled', at });
        return { outcome: 'succeeded' as const, snapshotId: key.id, details };
      }
      await remember(context, key, { kind: 'failed', depth: 'drilled', at, findings });
      return { outcome: 'failed' as const, snapshotId: key.id, details, error: tellError(drillDiffers(key.id, findings)) };
    },
  });
  return { ...report, plan: plan.name };
}

function manifestDiffers(finding: string): HoldfastError {
  return new HoldfastError('MANIFEST_SWAPPED', `Cannot drill: ${finding}`, {
    hint: 'Restore the manifest from another copy of the store, or drill an older snapshot: holdfast drill --snapshot ID',
  });
}

const differencesTold = 5;

function drillDiffers(id: string, findings: readonly string[]): HoldfastError {
  const more = findings.length > differencesTold ? `; and ${findings.length - differencesTold} more` : '';
  return new HoldfastError(
    'DRILL_DIFFERS',
    `Snapshot "${id}" does not restore to what was backed up: ${findings.slice(0, differencesTold).join('; ')}${more}`,
    {
      hint: 'Back up again and drill that snapshot; keep this one until you know what happened: holdfast show',
      details: { findings },
    },
  );
}

function differencesOf(details: DrillDetails): string[] {
  const tables = details.databases.flatMap(({ database, differences }) =>
    differences.map(({ table, message }) => `database "${database}", table ${table}: ${message}`),
  );
  return [...tables, ...(details.trees?.differences ?? [])];
}

/** Sums up how long restoring and comparing took, each by itself. */
class Stopwatch {
  readonly #context: OperationContext;
  readonly spentMs = { restore: 0, compare: 0 };

  constructor(context: OperationContext) {
    this.#context = context;
  }

  async measure<T>(what: 'restore' | 'compare', work: () => Promise<T>): Promise<T> {
    const started = this.#context.clock.monotonicMs();
    try {
      return await work();
    } finally {
      this.spentMs[what] += this.#context.clock.monotonicMs() - started;
    }
  }
}

interface Drilling {
  readonly request: DrillRequest;
  readonly reading: ArchiveReading;
  readonly context: OperationContext;
  readonly stopwatch: Stopwatch;
  readonly remarks: string[];
}

async function restoreAndCompare(request: DrillRequest, context: OperationContext): Promise<DrillDetails> {
  const { snapshot, plan, store, signal } = request;
  const [swapped] = await manifestFindings(request);
  if (swapped !== undefined) throw manifestDiffers(swapped);
  const { manifest, cipher } = await unsealed(snapshot.manifest, plan, context);
  const reading: ArchiveReading = { store, manifest, cipher, tools: context, signal };
  const stopwatch = new Stopwatch(context);
  const drilling: Drilling = { request, reading, context, stopwatch, remarks: [] };
  const rpoMs = context.clock.now().getTime() - Date.parse(manifest.createdAt);
  const databases = await drillDatabases(drilling);
  const trees = await drillTrees(drilling);
  const { restore, compare } = stopwatch.spentMs;
  return {
    store: snapshot.store,
    rtoMs: Math.round(restore),
    rpoMs,
    compareMs: Math.round(compare),
    databases,
    trees,
    remarks: drilling.remarks,
  };
}

async function drillDatabases(drilling: Drilling): Promise<DrilledDatabase[]> {
  const drilled: DrilledDatabase[] = [];
  for (const [engineName, dumps] of dumpsByEngine(drilling.reading.manifest)) {
    const engine = await drilling.context.openDumpEngine(engineName);
    drilled.push(...(await drillEngine(drilling, engine, dumps)));
  }
  return drilled;
}

function dumpsByEngine(manifest: Manifest): Map<string, DumpRecord[]> {
  const dumps = manifest.units.filter((unit): unit is DumpRecord => unit.content === 'dump');
  return Map.groupBy(dumps, (unit) => unit.dump.engine);
}

async function drillEngine(drilling: Drilling, engine: DumpEngine, dumps: readonly DumpRecord[]): Promise<DrilledDatabase[]> {
  const { context, reading, request, stopwatch, remarks } = drilling;
  const { signal } = request;
  context.progress.step('starting a scratch server', null, () => 0);
  await using target = await stopwatch.measure('restore', () => engine.scratch({ server: request.plan.drill.server, dumps }, signal));
  for (const globals of dumps.filter(({ dump }) => dump.scope === 'globals'))
    remarks.push(...(await stopwatch.measure('restore', () => target.loadGlobals(dumpBytes(reading, globals), signal))));
  const drilled: DrilledDatabase[] = [];
  for (const unit of dumps) if (unit.dump.scope === 'database') drilled.push(await drillDatabase(drilling, target, unit));
  return drilled;
}

async function drillDatabase(drilling: Drilling, target: DumpTarget, unit: DumpRecord): Promise<DrilledDatabase> {
  const { context, reading, request, stopwatch, remarks } = drilling;
  const { signal } = request;
  remarks.push(...(await target.preflight(unit, signal)));
  await using database = await stopwatch.measure('restore', () => target.create(unit, signal));
  const progress = { doneBytes: 0 };
  const stored = reading.manifest.parts.find((part) => part.name === unit.part)?.sizeBytes ?? null;
  context.progress.step(`restoring ${unit.name}`, stored, () => progress.doneBytes);
  const bytes = dumpBytes(reading, unit, (sizeBytes) => void (progress.doneBytes += sizeBytes));
  await stopwatch.measure('restore', () => database.load(bytes, signal));
  context.progress.step(`comparing ${unit.name}`, null, () => 0);
  const differences = await stopwatch.measure('compare', () => database.compare(unit, 'full', signal));
  const byTable = new Map(differences.map((difference) => [difference.table, difference]));
  const tables = unit.dump.tables.map(({ schema, name, rows, sha256 }) => {
    const table = `${schema}.${name}`;
    return { table, rows, sha256, difference: byTable.get(table) ?? null };
  });
  return { database: unit.name, location: target.location, tables, differences };
}

async function drillTrees({ context, reading, request, stopwatch, remarks }: Drilling): Promise<DrilledTrees | null> {
  if (!reading.manifest.units.some((unit) => unit.content === 'tree')) return null;
  const target = await context.openTreeTarget();
  await using scratch = await target.scratch();
  const directory = `${scratch.directory}/tree`;
  const extracted = await stopwatch.measure('restore', async () => {
    await using writer = await target.open(directory, { owners: context.canSetOwners, durable: false });
    await extractTrees(reading, { writerFor: () => writer, progress: context.progress });
    return await writer.finish();
  });
  remarks.push(...extracted.remarks);
  context.progress.step('comparing files', null, () => 0);
  const { compared, differences } = await stopwatch.measure('compare', () =>
    target.compare(directory, listedEntries(reading), request.signal),
  );
  return { entries: extracted.entries, compared, differences };
}
