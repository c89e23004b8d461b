import { HoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Manifest, TreeRecord, TreeRoot } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { memberAttributes } from '../pipeline/dump-segments.ts';
import type { DumpTarget } from '../ports/dump-engine.ts';
import type { Store } from '../ports/store.ts';
import type { TreeTarget, TreeWriter } from '../ports/tree-target.ts';
import type { OperationContext } from './context.ts';
import { extractTrees, listedEntries } from './extract-trees.ts';
import { distinctName, safeName, timestamp } from './names.ts';
import { dumpBytes, type ArchiveReading } from './read-archive.ts';
import { recordRun, type RunReport } from './record-run.ts';
import { databaseMoves, databaseOf, type DatabaseMove, type Destination } from './restore-moves.ts';
import { liesIn, PathFilter, select, type Selection } from './restore-selection.ts';
import { unsealed } from './seal.ts';
import { requireVerified, verifySnapshot } from './verify.ts';

export interface RestoreRequest {
  readonly store: Store;
  readonly snapshot: Snapshot;
  /** Null when the plan is not configured any more: then nothing can go in place. */
  readonly plan: Plan | null;
  readonly destination: Destination;
  /** Databases, tables, paths; empty for everything. */
  readonly only: readonly string[];
  readonly signal: AbortSignal;
}

export interface RestoreReport extends RunReport {
  readonly plan: string;
  readonly snapshotId: string | null;
  readonly details: RestoreDetails | null;
}

export interface RestoreDetails {
  readonly databases: readonly RestoredDatabase[];
  readonly files: RestoredFiles | null;
  readonly remarks: readonly string[];
}

export interface RestoredDatabase {
  readonly database: string;
  readonly location: string;
  /** Tables proven equal to the manifest before the swap. */
  readonly tables: number;
  readonly rows: number;
  /** Where the replaced database is now; null when there was none. */
  readonly oldName: string | null;
  /** For single tables: the schema they were put into. */
  readonly schema: string | null;
}

export interface RestoredFiles {
  readonly entries: number;
  readonly places: readonly { readonly path: string; readonly kept: string | null }[];
}

/** One thing that a restore would do, for people to read before they agree. */
export interface IntendedChange {
  readonly what: string;
  readonly where: string;
  readonly effect: string;
}

/** What `restore` would do, without touching anything. Throws what makes it impossible. */
export function intendedChanges(request: Omit<RestoreRequest, 'store' | 'signal'>, context: OperationContext): IntendedChange[] {
  const { manifest } = request.snapshot;
  const selection = select(manifest, request.only);
  const databases = databaseMoves({ ...request, manifest }, selection, context).map((move) => ({
    ...describeMove(move),
    where: move.place,
  }));
  return [...databases, ...fileChanges(request, selection)];
}

function describeMove({ unit, tables }: DatabaseMove): Pick<IntendedChange, 'what' | 'effect'> {
  if (unit.dump.scope === 'globals')
    return { what: 'roles and tablespaces', effect: 'those that are missing are made; those that exist stay as they are' };
  if (tables === null)
    return {
      what: `database "${unit.name}" (${unit.dump.tables.length} tables)`,
      effect: 'loaded beside, compared with the manifest, then swapped in; what stands there is kept under a dated name',
    };
  const names = tables.map((table) => `${table.schema}.${table.name}`).join(', ');
  return { what: `table ${names} of database "${unit.name}"`, effect: 'put into a schema of its own; nothing there is changed' };
}

function fileChanges(request: Omit<RestoreRequest, 'store' | 'signal'>, selection: Selection): IntendedChange[] {
  const trees = treesOf(request.snapshot.manifest);
  if (!wantsFiles(request, selection)) return [];
  if (request.destination.kind === 'directory') {
    const effect = 'made; it must be absent or empty';
    return [{ what: describeFiles(trees, selection), where: request.destination.directory, effect }];
  }
  return placesInPlace(request.snapshot.manifest, selection).map(({ originalPath }) => ({
    what: `files of "${originalPath}"`,
    where: originalPath,
    effect:
      'restored beside, compared with the manifest, then swapped in; what stands there, also what was left out of the backup, is kept under a dated name',
  }));
}

function describeFiles(trees: readonly TreeRecord[], selection: Selection): string {
  if (selection.paths !== null && selection.paths.length > 0) return `files "${selection.paths.join('", "')}"`;
  const files = trees.reduce((sum, tree) => sum + tree.counts.files, 0);
  return trees.length === 0 ? 'dumps as plain scripts' : `${files} files of ${trees.map((tree) => `"${tree.name}"`).join(', ')}`;
}

/**
 * Restores a snapshot. Nothing is touched before the archive was verified to its end; databases are loaded beside the live
 * one, files beside the live ones, compared with the manifest, and only then put into place, the old ones kept.
 */
export async function restore(request: RestoreRequest, context: OperationContext): Promise<RestoreReport> {
  const { snapshot, signal } = request;
  const report = await recordRun<RestoreDetails>(context, {
    verb: 'restore',
    plan: snapshot.manifest.plan,
    body: async () => {
      const { manifest, cipher } = await unsealed(snapshot.manifest, request.plan, context);
      const selection = select(manifest, request.only);
      const moves = databaseMoves({ ...request, manifest }, selection, context);
      if (request.destination.kind === 'in-place') requireOwnKept(placesInPlace(manifest, selection), request, context);
      requireVerified(
        await verifySnapshot(context, { store: request.store, snapshot, depth: depthNeeded(snapshot), plan: request.plan, signal }),
      );
      const restoring: Restoring = {
        request,
        context,
        selection,
        reading: { store: request.store, manifest, cipher, signal },
        remarks: [],
      };
      const databases: RestoredDatabase[] = [];
      for (const move of moves) {
        if (move.unit.dump.scope === 'globals') await restoreGlobals(restoring, move);
        else databases.push(await restoreDatabase(restoring, move));
      }
      const files = wantsFiles({ ...request, snapshot: { ...snapshot, manifest } }, selection) ? await restoreFiles(restoring) : null;
      return { outcome: 'succeeded', snapshotId: manifest.id, details: { databases, files, remarks: restoring.remarks } };
    },
  });
  return { ...report, plan: snapshot.manifest.plan };
}

/**
 * Bytes that were once read to their end, and still have the digest that they had, need not be read to their end again: the
 * digest of all of them is enough.
 */
function depthNeeded({ verification }: Snapshot): 'present' | 'readable' {
  return verification.kind === 'passed' && verification.depth !== 'present' ? 'present' : 'readable';
}

interface Restoring {
  readonly request: RestoreRequest;
  readonly context: OperationContext;
  readonly selection: Selection;
  readonly reading: ArchiveReading;
  readonly remarks: string[];
}

function treesOf(manifest: Manifest): TreeRecord[] {
  return manifest.units.filter((unit): unit is TreeRecord => unit.content === 'tree');
}

function wantsFiles({ destination, snapshot }: Pick<RestoreRequest, 'destination' | 'snapshot'>, selection: Selection): boolean {
  if (destination.kind === 'database') return false;
  if (selection.paths !== null && selection.paths.length > 0) return true;
  if (destination.kind === 'directory') return true;
  return selection.paths === null && treesOf(snapshot.manifest).length > 0;
}

// --- databases ---

async function restoreGlobals({ context, reading, remarks, request }: Restoring, { unit, url }: DatabaseMove): Promise<void> {
  const engine = await context.openDumpEngine(unit.dump.engine);
  await using target = await engine.target(url, request.signal);
  context.progress.step(`restoring ${unit.name}`, null, () => 0);
  remarks.push(...(await target.loadGlobals(dumpBytes(reading, unit), request.signal)));
}

async function restoreDatabase(restoring: Restoring, move: DatabaseMove): Promise<RestoredDatabase> {
  const { context, reading, remarks } = restoring;
  const { signal } = restoring.request;
  const { unit } = move;
  const engine = await context.openDumpEngine(unit.dump.engine);
  await using target: DumpTarget = await engine.target(move.url, signal);
  remarks.push(...(await target.preflight(unit, signal)));
  await using database = await target.create(unit, signal);
  const progress = { doneBytes: 0 };
  const stored = reading.manifest.parts.find((part) => part.name === unit.part)?.sizeBytes ?? null;
  context.progress.step(`restoring ${unit.name}`, stored, () => progress.doneBytes);
  await database.load(
    dumpBytes(reading, unit, (sizeBytes) => void (progress.doneBytes += sizeBytes)),
    signal,
  );
  context.progress.step(`comparing ${unit.name}`, null, () => 0);
  const differences = await database.compare(unit, signal);
  if (differences.length > 0)
    throw restoredDiffers(
      unit,
      differences.map(({ table, message }) => `${table}: ${message}`),
    );
  const rows = unit.dump.tables.reduce((sum, table) => sum + table.rows, 0);
  const proven = { location: target.location, tables: unit.dump.tables.length, rows };
  if (move.tables !== null) {
    const { schema } = await database.transplant(move.tables, signal);
    return { ...proven, database: databaseOf(move.url) || unit.name, oldName: null, schema };
  }
  const { name, oldName } = await database.promote(signal);
  return { ...proven, database: name, oldName, schema: null };
}

function restoredDiffers(unit: DumpRecord | TreeRecord, findings: readonly string[]): HoldfastError {
  return new HoldfastError(
    'DRILL_DIFFERS',
    `Restored "${unit.name}" is not what was backed up, so nothing was replaced: ${findings.slice(0, 5).join('; ')}`,
    {
      hint: 'Try an older snapshot: holdfast list',
      details: { findings },
    },
  );
}

// --- files ---

async function restoreFiles(restoring: Restoring): Promise<RestoredFiles> {
  const { request, reading, context, selection } = restoring;
  const target = await context.openTreeTarget();
  const filter = selection.paths === null ? null : await PathFilter.of(selection.paths, listedEntries(reading));
  const files: FileRestore = { ...restoring, target, filter };
  return request.destination.kind === 'directory' ? await toDirectory(files, request.destination.directory) : await inPlace(files);
}

interface FileRestore extends Restoring {
  readonly target: TreeTarget;
  readonly filter: PathFilter | null;
}

async function toDirectory(files: FileRestore, directory: string): Promise<RestoredFiles> {
  const { target, context, filter, reading } = files;
  await using writer = await target.open(directory, { owners: context.canSetOwners });
  await extractInto(files, () => writer);
  const taken = new Set(
    treesOf(reading.manifest).flatMap((tree) => tree.roots.map(({ archivePath }) => archivePath.split('/')[0]!.toLowerCase())),
  );
  for (const unit of [...files.selection.globals, ...files.selection.databases])
    await writeScript(files, writer, { unit, name: distinctName({ base: safeName(unit.name), extension: 'sql' }, taken) });
  const { entries, remarks } = await writer.finish();
  files.remarks.push(...remarks);
  requireCount(files, entries, filter?.matched ?? treesOf(reading.manifest).reduce((sum, tree) => sum + tree.entries, 0));
  return { entries, places: [{ path: directory, kept: null }] };
}

/** Nothing live depends on it, so what was written is not read back: the archive's digest was compared, and no entry may lack. */
function requireCount({ reading, selection }: FileRestore, entries: number, listed: number): void {
  const expected = listed + selection.globals.length + selection.databases.length;
  const [unit] = reading.manifest.units;
  if (entries !== expected && unit !== undefined)
    throw restoredDiffers(unit, [`${entries} entries were written, ${expected} were backed up`]);
}

/** A dump as a file of its own: for people who want to look before they load. */
async function writeScript(
  files: FileRestore,
  writer: TreeWriter,
  { unit, name }: { readonly unit: DumpRecord; readonly name: string },
): Promise<void> {
  const path = Buffer.from(name);
  await writer.begin({ ...memberAttributes(new Date(files.reading.manifest.createdAt)), type: 'file', path, sizeBytes: unit.sizeBytes });
  for await (const chunk of dumpBytes(files.reading, unit)) await writer.write(chunk);
  await writer.endFile();
}

async function extractInto({ reading, filter, context }: FileRestore, writerFor: (path: string) => TreeWriter | undefined): Promise<void> {
  await extractTrees(reading, {
    writerFor: (_unit, path) => (filter === null || filter.includes(path) ? writerFor(path) : undefined),
    ...(filter === null ? {} : { rewrite: (entry) => filter.rewrite(entry) }),
    progress: context.progress,
  });
}

async function requireEqual(
  { target, context, reading }: FileRestore,
  directory: string,
  entries: ReturnType<typeof listedEntries>,
  signal: AbortSignal,
): Promise<void> {
  context.progress.step('comparing files', null, () => 0);
  const { differences } = await target.compare(directory, entries, signal);
  const [tree] = treesOf(reading.manifest);
  if (differences.length > 0 && tree !== undefined) throw restoredDiffers(tree, differences);
}

type Place = Pick<TreeRoot, 'archivePath' | 'originalPath'>;

/** What goes back in place: whole roots, or the single paths that were asked for, each with the root that it lies below. */
function placesInPlace(manifest: Manifest, selection: Selection): Place[] {
  const roots = treesOf(manifest).flatMap((tree) => tree.roots);
  const places = selection.paths === null ? roots : selection.paths.map((key) => placeOf(Buffer.from(key, 'latin1').toString(), roots));
  for (const outer of places)
    for (const inner of places) if (outer !== inner && liesIn(inner.originalPath, outer.originalPath)) throw notApart(outer, inner);
  return places.map(({ archivePath, originalPath }) => ({ archivePath, originalPath }));
}

function placeOf(path: string, roots: readonly Place[]): Place {
  const root = roots.find(({ archivePath }) => liesIn(path, archivePath));
  return {
    archivePath: path,
    originalPath: root === undefined ? path : root.originalPath.replace(/\/$/, '') + path.slice(root.archivePath.length) || '/',
  };
}

/** Swapping a directory moves all that is in it aside, and Holdfast would lose sight of its store or its locks in the middle of the work. */
function requireOwnKept(places: readonly Place[], { store, plan }: RestoreRequest, context: OperationContext): void {
  const own = [...context.ownDirectories(plan?.stores ?? []), store.location];
  for (const { originalPath, archivePath } of places) {
    const moved = own.find((directory) => liesIn(directory, originalPath));
    if (moved !== undefined)
      throw new HoldfastError(
        'USAGE',
        `Cannot restore "${originalPath}" in place: that would move "${moved}" aside, where Holdfast itself writes`,
        {
          hint: `Restore what you need of it: --only ${archivePath}/…, or restore to another place with --to-directory DIR`,
        },
      );
  }
}

/** The outer one would be swapped for a tree that lacks what was put into the inner one. */
function notApart(outer: Place, inner: Place): HoldfastError {
  return new HoldfastError(
    'USAGE',
    `Cannot restore "${inner.originalPath}" and "${outer.originalPath}" in place together: one lies in the other`,
    {
      hint: `Restore one after the other, the outer one first: --only ${outer.archivePath}, then --only ${inner.archivePath}`,
    },
  );
}

/**
 * Each place is restored into a hidden directory beside it, so on the same file system, compared, and swapped in by
 * renames. Until the first rename nothing live was touched.
 */
async function inPlace(files: FileRestore): Promise<RestoredFiles> {
  const { context, reading, selection, target, request } = files;
  const label = timestamp(context.clock.now());
  await using staging = new StagingAreas(target, { label, owners: context.canSetOwners });
  const places = placesInPlace(reading.manifest, selection);
  for (const place of places) await staging.open(place);
  await extractInto(files, (path) => staging.writerFor(path));
  const entries = await staging.finish(files.remarks);
  const listing = (): ReturnType<typeof listedEntries> =>
    files.filter === null ? listedEntries(reading) : files.filter.wanted(listedEntries(reading));
  for (const area of staging.areas) await requireEqual(files, area.directory, below(area.archivePath, listing()), request.signal);
  const moves = staging.areas.map((area) => ({ from: `${area.directory}/${area.archivePath}`, to: area.originalPath }));
  const done = await target.promote(moves, label);
  return { entries, places: done.map(({ to, kept }) => ({ path: to, kept })) };
}

async function* below(archivePath: string, entries: ReturnType<typeof listedEntries>): ReturnType<typeof listedEntries> {
  for await (const entry of entries) {
    const path = Buffer.from(entry.path).toString();
    if (liesIn(path, archivePath)) yield entry;
  }
}

interface StagingArea {
  readonly archivePath: string;
  readonly originalPath: string;
  readonly directory: string;
  readonly writer: TreeWriter;
}

/** Directories beside the live ones; removed on every way out, since by then what they held was moved or is not wanted. */
class StagingAreas implements AsyncDisposable {
  readonly #target: TreeTarget;
  readonly #options: { readonly label: string; readonly owners: boolean };
  readonly areas: StagingArea[] = [];

  constructor(target: TreeTarget, options: { readonly label: string; readonly owners: boolean }) {
    this.#target = target;
    this.#options = options;
  }

  async open({ archivePath, originalPath }: Pick<TreeRoot, 'archivePath' | 'originalPath'>): Promise<void> {
    const directory = this.#target.stagingDirectory(originalPath, this.#options.label);
    const writer = await this.#target.open(directory, { owners: this.#options.owners });
    this.areas.push({ archivePath, originalPath, directory, writer });
  }

  writerFor(pathKey: string): TreeWriter | undefined {
    const path = Buffer.from(pathKey, 'latin1').toString();
    return this.areas.find(({ archivePath }) => liesIn(path, archivePath))?.writer;
  }

  async finish(remarks: string[]): Promise<number> {
    let entries = 0;
    for (const { writer } of this.areas) {
      const finished = await writer.finish();
      entries += finished.entries;
      remarks.push(...finished.remarks);
    }
    return entries;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { writer, directory } of this.areas) {
      await writer[Symbol.asyncDispose]();
      await this.#target.discard(directory);
    }
  }
}
