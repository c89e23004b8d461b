import { type BigIntStats, existsSync, lstatSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { HoldfastError } from '../../domain/errors.ts';
import { loadPosix, type Posix } from '../../platform/posix.ts';
import { isSystemError } from '../../platform/system-error.ts';
import { AttributeWriter } from './attribute-writer.ts';
import { latin1, latin1Bytes } from './latin1.ts';
import { isMountPoint } from './mount-points.ts';
import { RemarkList } from './remark-list.ts';
import { Renames } from './renames.ts';
import { targetError } from './target-errors.ts';

interface Move {
  readonly from: string;
  readonly to: string;
}

interface Moved {
  readonly to: string;
  /** Where what stood there is now; null when nothing did. */
  readonly kept: string | null;
}

/** What a label is put behind: `data.before-restore-20260102-030405`. */
const keptMark = 'before-restore-';

/** A place for `promote` to move from, on the file system of the place to move to. Nothing is there yet. */
export function stagingDirectory(place: string, label: string): string {
  const { parent, prefix } = stagingPlace(place);
  return join(parent, prefix + label);
}

/**
 * What interrupted restores to this place left, and one that goes on now. They are for people to remove: one that was killed
 * between two renames may hold what stood in the place before.
 */
export function stagingLeftovers(place: string): readonly string[] {
  const { parent, prefix } = stagingPlace(place);
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(parent, name));
}

function stagingPlace(place: string): { readonly parent: string; readonly prefix: string } {
  const live = livePath(place);
  return { parent: isMountPoint(live) ? live : dirname(live), prefix: `.${basename(live)}.holdfast-restore-` };
}

/**
 * Puts restored trees and files into the places they came from, by renames alone. When one of them fails, all that was
 * renamed before goes back to where it was.
 */
export async function promote(moves: readonly Move[], label: string): Promise<readonly Moved[]> {
  const posix = await loadPosix();
  const renames = new Renames(posix);
  try {
    const moved = moves.map((move) => promoteOne(move, { label, renames, posix }));
    renames.flush();
    return moved;
  } catch (error) {
    const failures = renames.undo();
    throw failures.length > 0 ? halfUndone(error, failures) : explained(error);
  }
}

interface Promotion {
  readonly label: string;
  readonly renames: Renames;
  readonly posix: Posix | undefined;
}

function promoteOne(move: Move, promotion: Promotion): Moved {
  const from = resolve(move.from);
  const to = livePath(move.to);
  if (lstatSync(to, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(dirname(to), { recursive: true });
    promotion.renames.rename(raw(from), raw(to));
    return { to: move.to, kept: null };
  }
  if (isMountPoint(to)) return { to: move.to, kept: replaceContent(from, to, promotion) };
  const kept = unused(`${to}.${keptMark}${promotion.label}`);
  promotion.renames.replace(raw(from), raw(to), raw(kept));
  return { to: move.to, kept };
}

/** A mount point cannot be renamed: what is in it goes into a directory of its own there. */
function replaceContent(from: string, to: string, { label, renames, posix }: Promotion): string | null {
  const staging = from.startsWith(`${to}/`) ? raw(from.slice(to.length + 1).split('/')[0] ?? '') : undefined;
  const live = namesIn(to).filter((name) => name !== staging);
  const kept = unused(join(to, `.${keptMark}${label}`));
  const stats = lstatSync(from, { bigint: true });
  if (live.length > 0) renames.makeDirectory(raw(kept));
  for (const name of live) renames.rename(`${raw(to)}/${name}`, `${raw(kept)}/${name}`);
  for (const name of namesIn(from)) renames.rename(`${raw(from)}/${name}`, `${raw(to)}/${name}`);
  copyAttributes({ from, to, stats }, posix);
  return live.length > 0 ? kept : null;
}

/** Those of the restored root, which stays empty behind. */
function copyAttributes({ from, to, stats }: Move & { readonly stats: BigIntStats }, posix: Posix | undefined): void {
  const writer = new AttributeWriter({ owners: true, posix, remarks: new RemarkList(), inherits: false, flushesFiles: false });
  const xattrs = [...(posix?.readXattrs(latin1Bytes(raw(from))) ?? [])];
  const { uid, gid, mode, mtimeNs } = stats;
  const attributes = { path: raw(to), uid: Number(uid), gid: Number(gid), mode: Number(mode) & 0o7777, mtimeNs, xattrs };
  writer.apply({ file: latin1Bytes(raw(to)), mode: -1, isDirectory: true }, attributes);
}

/** A live root that is a symlink stays one; what it points to is replaced. */
function livePath(place: string): string {
  const path = resolve(place);
  try {
    return existsSync(path) ? realpathSync(path) : path;
  } catch (error) {
    throw targetError(error, `restore to "${path}"`);
  }
}

function namesIn(directory: string): string[] {
  return readdirSync(directory, { encoding: 'latin1' });
}

function unused(path: string): string {
  let candidate = path;
  for (let count = 2; lstatSync(candidate, { throwIfNoEntry: false }) !== undefined; count++) candidate = `${path}-${count}`;
  return candidate;
}

function raw(path: string): string {
  return latin1(Buffer.from(path));
}

function explained(error: unknown): unknown {
  if (!isSystemError(error, 'EXDEV')) return targetError(error, 'put what was restored into its place');
  return new HoldfastError('TARGET_FAILED', 'Cannot put what was restored into its place: that is another file system', {
    hint: 'Restore to a directory with --to-directory and move it yourself',
    cause: error,
  });
}

function halfUndone(error: unknown, failures: readonly unknown[]): HoldfastError {
  const reasons = [error, ...failures].map((reason) => (reason instanceof Error ? reason.message : String(reason)));
  return new HoldfastError('TARGET_FAILED', `Cannot put what was restored into its place, nor everything back: ${reasons.join('; ')}`, {
    hint: `Look for names with "${keptMark}" beside the place and rename them back; nothing was deleted`,
    cause: error,
  });
}
