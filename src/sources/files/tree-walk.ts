import { type BigIntStats, closeSync, constants, type Dirent, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import type { Issue, TreeRoot } from '../../domain/manifest.ts';
import type { TreeEntry } from '../../domain/tree-entry.ts';
import { isSystemError, systemReason } from '../../platform/system-error.ts';
import type { EntryBuilder } from './entry-builder.ts';
import { HardLinks } from './hard-links.ts';
import type { IssueList } from './issue-list.ts';
import { type OpenFile, openFile } from './open-file.ts';
import type { OwnDirectories } from './own-directories.ts';
import type { PathFilter } from './path-filter.ts';
import { printablePath } from './printable-path.ts';
import { rootFailure } from './tree-roots.ts';

/** An entry in archive order. A file comes open; whoever takes it closes it. */
export interface Found {
  readonly entry: TreeEntry;
  /** Null for everything but a file with content of its own. */
  readonly file: OpenFile | null;
  readonly path: Uint8Array;
}

export interface WalkOptions {
  readonly filter: PathFilter;
  readonly oneFileSystem: boolean;
  /** Their content is left out. */
  readonly own: OwnDirectories;
  readonly builder: EntryBuilder;
  readonly issues: IssueList;
}

/**
 * Where an entry stands. Paths are latin1 strings, one character for each byte: they hold any name, and their order is
 * that of the bytes.
 */
interface Place {
  readonly path: string;
  readonly archivePath: string;
  /** Below the root, as text for patterns; empty when no pattern asks. */
  readonly patternPath: string;
}

interface Level extends Place {
  /** False as long as an `include` pattern must still match. */
  readonly included: boolean;
  readonly listed: readonly Dirent[];
  next: number;
}

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = constants;
const kindNames: ReadonlyMap<number, string> = new Map([
  [constants.S_IFSOCK, 'socket'],
  [constants.S_IFIFO, 'named pipe'],
  [constants.S_IFCHR, 'character device'],
  [constants.S_IFBLK, 'block device'],
]);

/** Goes through one root, depth first, in the order of the names' bytes. Throws when the root is not there any more. */
export class TreeWalk {
  readonly #options: WalkOptions;
  readonly #root: TreeRoot;
  readonly #rootStats: BigIntStats;
  readonly #links = new HardLinks();
  readonly #levels: Level[] = [];
  #ready: Found[] = [];
  /** Directories on the way down that are handed out only when something below them is included. */
  #waiting: Found[] = [];

  constructor(root: TreeRoot, options: WalkOptions) {
    this.#root = root;
    this.#options = options;
    this.#rootStats = this.#statRoot();
    const place = { path: latin1(root.originalPath).replace(/^\/$/, ''), archivePath: latin1(root.archivePath), patternPath: '' };
    if (root.kind === 'file') {
      this.#file(place);
    } else {
      this.#give(this.#directoryAt(place, this.#rootStats));
      this.#enter(place, { included: !options.filter.isSelective, stats: this.#rootStats });
    }
  }

  next(): Found | undefined {
    for (;;) {
      const ready = this.#ready.shift();
      if (ready !== undefined) return ready;
      const level = this.#levels.at(-1);
      if (level === undefined) break;
      const listed = level.listed[level.next++];
      if (listed === undefined) this.#leave();
      else this.#visit(level, listed);
    }
    this.#requireSameRoot();
    return undefined;
  }

  /** Closes the files that were found and not taken. */
  close(): void {
    for (const { file } of this.#ready.splice(0)) if (file !== null) closeSync(file.fd);
  }

  #visit(level: Level, listed: Dirent): void {
    const { filter } = this.#options;
    const { name } = listed;
    const patternPath = filter.passesAll ? '' : `${level.patternPath}${bytes(name).toString()}`;
    if (filter.excludes(patternPath, false)) return;
    const place = { path: `${level.path}/${name}`, archivePath: `${level.archivePath}/${name}`, patternPath };
    if (listed.isFile()) {
      if (level.included || filter.includes(patternPath, false)) this.#file(place);
      return;
    }
    const stats = this.#attempt(place, (path) => lstatSync(path, { bigint: true }));
    if (stats === undefined) return;
    const type = Number(stats.mode) & S_IFMT;
    if (type === S_IFDIR && filter.excludes(patternPath, true)) return;
    const included = level.included || filter.includes(patternPath, type === S_IFDIR);
    if (type === S_IFDIR) this.#directory(place, stats, included);
    else if (included) this.#leaf(place, stats, type);
  }

  #leaf(place: Place, stats: BigIntStats, type: number): void {
    // A file only now, since it was listed as something else.
    if (type === S_IFREG) this.#file(place);
    else if (type === S_IFLNK) this.#symlink(place, stats);
    else this.#note(place, `it is a ${kindNames.get(type) ?? 'special file'}, which has no content to keep`);
  }

  #directory(place: Place, stats: BigIntStats, included: boolean): void {
    const found = this.#directoryAt(place, stats);
    if (included) this.#give(found);
    else this.#waiting.push(found);
    this.#enter(place, { included, stats });
  }

  #directoryAt(place: Place, stats: BigIntStats): Found {
    const path = pathOf(place);
    return { entry: this.#options.builder.directory({ path, archivePath: bytes(place.archivePath), stats }), file: null, path };
  }

  #enter(place: Place, { included, stats }: { readonly included: boolean; readonly stats: BigIntStats }): void {
    const reason = this.#whyLeftOut(stats);
    if (reason !== null) this.#note(place, `its content is left out: ${reason}`);
    const listed = reason === null ? this.#attempt(place, inOrder) : [];
    const patternPath = place.patternPath === '' ? '' : `${place.patternPath}/`;
    this.#levels.push({ ...place, patternPath, included, listed: listed ?? [], next: 0 });
  }

  #whyLeftOut(stats: BigIntStats): string | null {
    const { oneFileSystem, own } = this.#options;
    if (oneFileSystem && stats.dev !== this.#rootStats.dev) return 'another file system is mounted there, and oneFileSystem is set';
    return own.has(stats) ? "Holdfast itself keeps its state or this plan's snapshots there" : null;
  }

  #leave(): void {
    this.#levels.pop();
    // Had anything below this directory been included, none would wait any more.
    this.#waiting.pop();
  }

  #symlink(place: Place, stats: BigIntStats): void {
    const linkTarget = this.#attempt(place, (path) => readlinkSync(path, { encoding: 'buffer' }));
    if (linkTarget === undefined) return;
    const path = pathOf(place);
    this.#give({
      entry: this.#options.builder.symlink({ path, archivePath: bytes(place.archivePath), stats }, linkTarget),
      file: null,
      path,
    });
  }

  /** Opened without a look first: what is open tells for certain what it is. */
  #file(place: Place): void {
    const file = this.#attempt(place, openFile);
    if (file === undefined) return;
    if (file === null) return this.#lose(place, vanished, new Error(vanished.detail));
    const { builder } = this.#options;
    const path = pathOf(place);
    const known = { path, archivePath: bytes(place.archivePath), stats: file.stats };
    const carrier = this.#links.carrierOf(file.stats);
    if (carrier === undefined) {
      this.#links.remember(file.stats, known.archivePath);
      return this.#give({ entry: builder.file(known, file.fd), file, path });
    }
    closeSync(file.fd);
    this.#give({ entry: builder.hardLink(known, carrier), file: null, path });
  }

  #give(found: Found): void {
    if (this.#waiting.length > 0) this.#ready.push(...this.#waiting.splice(0));
    this.#ready.push(found);
  }

  /** Undefined when it failed; then that is reported. */
  #attempt<T>(place: Place, call: (path: Buffer) => T): T | undefined {
    try {
      return call(pathOf(place));
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#lose(place, lossOf(error.code), error);
      return undefined;
    }
  }

  /** One entry may be lost; when its root is, all that follows would be lost in the same way. */
  #lose(place: Place, loss: Loss, cause: Error): void {
    this.#requireSameRoot();
    if (this.#levels.length === 0) throw rootFailure(this.#root.originalPath, cause);
    this.#options.issues.add({ subject: printablePath(pathOf(place)), ...loss, severity: 'loss' });
  }

  #note(place: Place, detail: string): void {
    this.#options.issues.add({ subject: printablePath(pathOf(place)), problem: 'skipped', detail, severity: 'note' });
  }

  #requireSameRoot(): void {
    const now = this.#statRoot();
    if (now.dev === this.#rootStats.dev && now.ino === this.#rootStats.ino) return;
    if (this.#root.kind === 'directory')
      throw rootFailure(this.#root.originalPath, new Error('another directory or drive came in its place while it was read'));
  }

  #statRoot(): BigIntStats {
    const path = this.#root.originalPath;
    try {
      return statSync(path, { bigint: true });
    } catch (error) {
      throw isSystemError(error) ? rootFailure(path, error) : error;
    }
  }
}

type Loss = Pick<Issue, 'problem' | 'detail'>;

const vanished: Loss = { problem: 'vanished', detail: 'it was removed or replaced while the tree was read' };

/** ELOOP: a symlink came in a file's place. */
function lossOf(code: string): Loss {
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code) ? vanished : { problem: 'unreadable', detail: systemReason(code) };
}

/** In the order of the names' bytes. */
function inOrder(path: Buffer): Dirent[] {
  return readdirSync(path, { encoding: 'latin1', withFileTypes: true }).toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function pathOf({ path }: Place): Buffer {
  return bytes(path === '' ? '/' : path);
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function latin1(path: string): string {
  return Buffer.from(path).toString('latin1');
}
