import type { DumpRecord, TreeRoot } from '../domain/manifest.ts';
import { memberAttributes } from '../pipeline/dump-segments.ts';
import type { LeftBehind, TreeTarget, TreeWriter } from '../ports/tree-target.ts';
import { extractTrees, listedEntries } from './extract-trees.ts';
import { distinctName, safeName, timestamp } from './names.ts';
import { dumpBytes } from './read-archive.ts';
import { placesInPlace } from './restore-places.ts';
import type { Prepared, Promoted } from './restore-promotion.ts';
import { restoredDiffers, treesOf, type RestoredFiles, type Restoring } from './restore-request.ts';
import { liesIn, PathFilter } from './restore-selection.ts';

interface FileRestore extends Restoring {
  readonly target: TreeTarget;
  readonly filter: PathFilter | null;
}

async function fileRestore(restoring: Restoring): Promise<FileRestore> {
  const { reading, context, selection } = restoring;
  const filter = selection.paths === null ? null : await PathFilter.of(selection.paths, listedEntries(reading));
  return { ...restoring, target: await context.openTreeTarget(), filter };
}

/** Into a directory that is absent or empty, dumps beside the trees as scripts. */
export async function toDirectory(restoring: Restoring, directory: string): Promise<RestoredFiles> {
  const files = await fileRestore(restoring);
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

/**
 * Each place is restored into a hidden directory beside it, so on the same file system, and compared. The directories last
 * as long as `resources`.
 */
export async function prepareInPlace(
  restoring: Restoring,
  resources: AsyncDisposableStack,
): Promise<Prepared<{ readonly files: RestoredFiles }>> {
  const files = await fileRestore(restoring);
  const { context, reading, selection, target, request } = files;
  const label = timestamp(context.clock.now());
  const staging = resources.use(new StagingAreas(target, { label, owners: context.canSetOwners }));
  const places = placesInPlace(reading.manifest, selection);
  for (const place of places) await staging.open(place);
  await extractInto(files, (path) => staging.writerFor(path));
  const entries = await staging.finish(files.remarks);
  const listing = (): ReturnType<typeof listedEntries> =>
    files.filter === null ? listedEntries(reading) : files.filter.wanted(listedEntries(reading));
  for (const area of staging.areas) await requireEqual(files, area.directory, below(area.archivePath, listing()), request.signal);
  return {
    what: `files of ${places.map(({ originalPath }) => `"${originalPath}"`).join(', ')}`,
    promote: () => promoteAreas(target, { areas: staging.areas, label, entries }),
  };
}

async function promoteAreas(
  target: TreeTarget,
  { areas, label, entries }: { readonly areas: readonly StagingArea[]; readonly label: string; readonly entries: number },
): Promise<Promoted<{ readonly files: RestoredFiles }>> {
  const moves = areas.map(({ directory, archivePath, originalPath }) => ({ staging: directory, path: archivePath, to: originalPath }));
  const { trees, undo } = await target.promote(moves, label);
  const kept = trees.flatMap((tree) => (tree.kept === null ? [] : [`"${tree.kept}"`]));
  return {
    result: { files: { entries, places: trees.map((tree) => ({ path: tree.to, kept: tree.kept })) } },
    kept: kept.length === 0 ? null : kept.join(', '),
    undo,
    undoCommands: trees.map(({ undoCommand }) => undoCommand),
  };
}

/**
 * Tells which paths are only in the kept copies: what the plan leaves out of backups, and what is newer than the snapshot. It is
 * not carried over, since it belongs to the later state: a journal of a newer database would ruin the older one.
 */
export async function tellLeftBehind({ context, remarks }: Restoring, { places }: RestoredFiles): Promise<void> {
  const target = await context.openTreeTarget();
  for (const { path, kept } of places) {
    if (kept === null) continue;
    // The restore is done: that this cannot be told does not undo it.
    const told = await target.leftBehind(kept, path).then(
      (found) => describeLeftBehind(found, { path, kept }),
      (error: unknown) => `Could not look for what is only in "${kept}" now: ${error instanceof Error ? error.message : String(error)}`,
    );
    if (told !== null) remarks.push(told);
  }
}

function describeLeftBehind({ count, paths }: LeftBehind, { path, kept }: { readonly path: string; readonly kept: string }): string | null {
  if (count === 0) return null;
  const first = paths.map((name) => `"${name}"`).join(', ') + (count > paths.length ? ` and ${count - paths.length} more` : '');
  const what = `${count === 1 ? '1 path' : `${count} paths`} that stood in "${path}"`;
  return `The snapshot does not hold ${what}, left out of the backup or made after it: ${first}; copy what you need from "${kept}"`;
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
  readonly #directories = new AsyncDisposableStack();
  readonly areas: StagingArea[] = [];

  constructor(target: TreeTarget, options: { readonly label: string; readonly owners: boolean }) {
    this.#target = target;
    this.#options = options;
  }

  async open({ archivePath, originalPath }: Pick<TreeRoot, 'archivePath' | 'originalPath'>): Promise<void> {
    const { directory } = this.#directories.use(await this.#target.stage(originalPath, this.#options.label));
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
    await using _directories = this.#directories;
    for (const { writer } of this.areas) await writer[Symbol.asyncDispose]();
  }
}
