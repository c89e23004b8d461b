import type { DumpRecord, TreeRecord } from '../domain/manifest.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { OperationContext } from './context.ts';
import { recordRun, type RunReport } from './record-run.ts';
import { prepareDatabase, restoreGlobals } from './restore-databases.ts';
import { prepareInPlace, tellLeftBehind, toDirectory } from './restore-files.ts';
import { databaseMoves, emptiedBy, type DatabaseMove } from './restore-moves.ts';
import { placesInPlace, requireOwnKept } from './restore-places.ts';
import { promoteAll, type Prepared } from './restore-promotion.ts';
import { treesOf, type RestoreDetails, type RestoreRequest, type Restoring } from './restore-request.ts';
import { select, type Selection } from './restore-selection.ts';
import { unsealed } from './seal.ts';
import { requireVerified, verifySnapshot } from './verify.ts';

export interface RestoreReport extends RunReport {
  readonly plan: string;
  readonly snapshotId: string | null;
  readonly details: RestoreDetails | null;
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
      what: `database "${unit.name}" (${describeTables(unit)})`,
      effect: 'loaded beside, compared with the manifest, then swapped in; what stands there is kept under a dated name',
    };
  const names = tables.map((table) => `${table.schema}.${table.name}`).join(', ');
  return { what: `table ${names} of database "${unit.name}"`, effect: 'put into a schema of its own; nothing there is changed' };
}

function describeTables(unit: DumpRecord): string {
  const empty = emptiedBy(unit);
  const count = `${unit.dump.tables.length + empty.length} tables`;
  return empty.length === 0 ? count : `${count}; empty, since their rows were left out of the backup: ${empty.join(', ')}`;
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
      'restored beside, compared with the manifest, then swapped in; what stands there, also what was left out of the backup or is newer than it, is kept under a dated name, and named when it is done',
  }));
}

function describeFiles(trees: readonly TreeRecord[], selection: Selection): string {
  if (selection.paths !== null && selection.paths.length > 0) return `files "${selection.paths.join('", "')}"`;
  const files = trees.reduce((sum, tree) => sum + tree.counts.files, 0);
  return trees.length === 0 ? 'dumps as plain scripts' : `${files} files of ${trees.map((tree) => `"${tree.name}"`).join(', ')}`;
}

/**
 * Restores a snapshot. Nothing is touched before the archive was verified to its end; databases are loaded beside the live
 * one, files beside the live ones, compared with the manifest, and only when all of them are proven put into place, the old
 * ones kept. When one cannot be put there, the others go back.
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
        reading: { store: request.store, manifest, cipher, tools: context, signal },
        remarks: [],
      };
      const files = wantsFiles({ ...request, snapshot: { ...snapshot, manifest } }, selection);
      const { databases, files: restored } = await restoreParts(restoring, { moves, files });
      return { outcome: 'succeeded', snapshotId: manifest.id, details: { databases, files: restored, remarks: restoring.remarks } };
    },
  });
  return { ...report, plan: snapshot.manifest.plan };
}

type RestoredParts = Pick<RestoreDetails, 'databases' | 'files'>;

/**
 * Everything is loaded, written and compared beside the live places before the first of them changes; putting it there comes
 * last and takes moments. Files go before databases, since taking back a rename asks no server.
 */
async function restoreParts(
  restoring: Restoring,
  wanted: { readonly moves: readonly DatabaseMove[]; readonly files: boolean },
): Promise<RestoredParts> {
  const { destination, signal } = restoring.request;
  if (destination.kind === 'directory') return { databases: [], files: await toDirectory(restoring, destination.directory) };
  await using resources = new AsyncDisposableStack();
  const tables: Prepared<Partial<RestoredParts>>[] = [];
  const databases: Prepared<Partial<RestoredParts>>[] = [];
  for (const move of wanted.moves) {
    if (move.unit.dump.scope === 'globals') await restoreGlobals(restoring, move);
    else (move.tables === null ? databases : tables).push(await prepareDatabase(restoring, move, resources));
  }
  const files = wanted.files ? [await prepareInPlace(restoring, resources)] : [];
  restoring.context.progress.step('putting into place', null, () => 0);
  const restored = await promoteAll<Partial<RestoredParts>>([...tables, ...files, ...databases], signal);
  const placed = restored.find((part) => part.files)?.files ?? null;
  if (placed !== null) await tellLeftBehind(restoring, placed);
  return { databases: restored.flatMap((part) => part.databases ?? []), files: placed };
}

/**
 * Bytes that were once read to their end, and still have the digest that they had, need not be read to their end again: the
 * digest of all of them is enough.
 */
function depthNeeded({ verification }: Snapshot): 'present' | 'readable' {
  return verification.kind === 'passed' && verification.depth !== 'present' ? 'present' : 'readable';
}

function wantsFiles({ destination, snapshot }: Pick<RestoreRequest, 'destination' | 'snapshot'>, selection: Selection): boolean {
  if (destination.kind === 'database') return false;
  if (selection.paths !== null && selection.paths.length > 0) return true;
  if (destination.kind === 'directory') return true;
  return selection.paths === null && treesOf(snapshot.manifest).length > 0;
}
