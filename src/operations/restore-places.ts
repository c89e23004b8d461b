import { HoldfastError } from '../domain/errors.ts';
import type { Manifest, TreeRoot } from '../domain/manifest.ts';
import type { OperationContext } from './context.ts';
import { treesOf, type RestoreRequest } from './restore-request.ts';
import { liesIn, type Selection } from './restore-selection.ts';

export type Place = Pick<TreeRoot, 'archivePath' | 'originalPath'>;

/** What goes back in place: whole roots, or the single paths that were asked for, each with the root that it lies below. */
export function placesInPlace(manifest: Manifest, selection: Selection): Place[] {
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
export function requireOwnKept(places: readonly Place[], { store, plan }: RestoreRequest, context: OperationContext): void {
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
