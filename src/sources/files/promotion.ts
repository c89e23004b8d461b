import { type BigIntStats, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HoldfastError } from '../../domain/errors.ts';
import { loadPosix, type Posix } from '../../platform/posix.ts';
import { shellQuote } from '../../platform/shell-quote.ts';
import { isSystemError } from '../../platform/system-error.ts';
import type { PromotedTrees, PromotedTree, TreeMove } from '../../ports/tree-target.ts';
import { AttributeWriter } from './attribute-writer.ts';
import { latin1, latin1Bytes } from './latin1.ts';
import { livePath } from './live-path.ts';
import { isMountPoint } from './mount-points.ts';
import { RemarkList } from './remark-list.ts';
import { flushDirectories, Renames } from './renames.ts';
import { promotingDirectory } from './staging.ts';
import { targetError } from './target-errors.ts';

/** What a label is put behind: `data.before-restore-20260102-030405`. */
const keptMark = 'before-restore-';

/**
 * Puts restored trees and files into the places they came from, by renames alone. When one of them fails, all that was
 * renamed before goes back to where it was.
 */
export async function promote(moves: readonly TreeMove[], label: string): Promise<PromotedTrees> {
  const posix = await loadPosix();
  const stagings = new Stagings(moves.map(({ staging }) => staging));
  const renames = new Renames(posix);
  try {
    stagings.open();
    const trees = moves.map((move) => promoteOne(move, { label, renames, posix }));
    renames.flush();
    return { trees, undo: () => putBack(renames, stagings) };
  } catch (error) {
    putBack(renames, stagings, error);
    throw explained(error);
  }
}

/** Throws `RESTORE_HALF_DONE`, and leaves the directories under the name that nothing removes, when something cannot be put back. */
function putBack(renames: Renames, stagings: Stagings, cause?: unknown): void {
  const failures = renames.undo();
  if (failures.length > 0) throw halfUndone(cause === undefined ? failures : [cause, ...failures]);
  stagings.close();
}

/** The directories that are promoted from, called so from before the first rename until the last one is taken back. */
class Stagings {
  readonly #directories: readonly string[];
  readonly #opened: string[] = [];

  constructor(directories: readonly string[]) {
    this.#directories = [...new Set(directories)];
  }

  open(): void {
    for (const directory of this.#directories) {
      renameSync(directory, promotingDirectory(directory));
      this.#opened.push(directory);
    }
    flushDirectories(this.#directories.map((directory) => raw(dirname(directory))));
  }

  close(): void {
    for (const directory of this.#opened.splice(0)) renameSync(promotingDirectory(directory), directory);
  }
}

interface Promotion {
  readonly label: string;
  readonly renames: Renames;
  readonly posix: Posix | undefined;
}

function promoteOne(move: TreeMove, promotion: Promotion): PromotedTree {
  const from = join(promotingDirectory(move.staging), move.path);
  const to = livePath(move.to);
  if (lstatSync(to, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(dirname(to), { recursive: true });
    promotion.renames.rename(raw(from), raw(to));
    return { to: move.to, kept: null, undoCommand: moveCommand(to, `${to}.restored`) };
  }
  if (isMountPoint(to)) return { to: move.to, ...replaceContent(from, to, promotion) };
  const kept = unused(`${to}.${keptMark}${promotion.label}`);
  promotion.renames.replace(raw(from), raw(to), raw(kept));
  return { to: move.to, kept, undoCommand: `${moveCommand(to, `${to}.restored`)} && ${moveCommand(kept, to)}` };
}

function moveCommand(from: string, to: string): string {
  return `mv -T ${shellQuote(from)} ${shellQuote(to)}`;
}

/** Everything in a directory, but for one name, into another directory. */
function moveContentCommand(from: string, to: string, except: readonly string[] = []): string {
  const others = except.map((name) => ` ! -name ${shellQuote(name)}`).join('');
  return `find ${shellQuote(from)} -mindepth 1 -maxdepth 1${others} -exec mv -t ${shellQuote(to)} {} +`;
}

/** A mount point cannot be renamed: what is in it goes into a directory of its own there. */
function replaceContent(from: string, to: string, { label, renames, posix }: Promotion): Omit<PromotedTree, 'to'> {
  const staging = from.startsWith(`${to}/`) ? raw(from.slice(to.length + 1).split('/')[0] ?? '') : undefined;
  const live = namesIn(to).filter((name) => name !== staging);
  const kept = unused(join(to, `.${keptMark}${label}`));
  // Those of the restored root, which stays empty behind; read before its content goes, which changes its time.
  const [before, restored] = [attributesOf(to, posix), attributesOf(from, posix)];
  if (live.length > 0) renames.makeDirectory(raw(kept));
  for (const name of live) renames.rename(`${raw(to)}/${name}`, `${raw(kept)}/${name}`);
  for (const name of namesIn(from)) renames.rename(`${raw(from)}/${name}`, `${raw(to)}/${name}`);
  renames.change({ do: () => setAttributes(to, restored, posix), undo: () => setAttributes(to, before, posix) });
  const aside = `${to}/.restored`;
  const undoCommand = `mkdir ${shellQuote(aside)} && ${moveContentCommand(to, aside, ['.restored', basename(kept)])}`;
  if (live.length === 0) return { kept: null, undoCommand };
  return { kept, undoCommand: `${undoCommand} && ${moveContentCommand(kept, to)}` };
}

type Attributes = Omit<Parameters<AttributeWriter['apply']>[1], 'path'>;

function attributesOf(directory: string, posix: Posix | undefined): Attributes {
  const { uid, gid, mode, mtimeNs }: BigIntStats = lstatSync(directory, { bigint: true });
  const xattrs = [...(posix?.readXattrs(latin1Bytes(raw(directory))) ?? [])];
  return { uid: Number(uid), gid: Number(gid), mode: Number(mode) & 0o7777, mtimeNs, xattrs };
}

function setAttributes(directory: string, attributes: Attributes, posix: Posix | undefined): void {
  const writer = new AttributeWriter({ owners: true, posix, remarks: new RemarkList(), inherits: false, flushesFiles: false });
  writer.apply({ file: latin1Bytes(raw(directory)), mode: -1, isDirectory: true }, { path: raw(directory), ...attributes });
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

function halfUndone(failures: readonly unknown[]): HoldfastError {
  const reasons = failures.map((reason) => (reason instanceof Error ? reason.message : String(reason)));
  return new HoldfastError('RESTORE_HALF_DONE', `Cannot put everything back to where it was: ${reasons.join('; ')}`, {
    hint: `Look for names with "${keptMark}" and "holdfast-promoting" beside the place and rename them back; nothing was deleted`,
    cause: failures[0],
  });
}
