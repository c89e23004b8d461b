import { HoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Manifest, TreeRecord } from '../domain/manifest.ts';
import { nearest } from '../domain/nearest.ts';
import type { ListedEntry, TreeEntry } from '../domain/tree-entry.ts';
import type { TableName } from '../ports/dump-engine.ts';
import { latin1 } from './extract-trees.ts';

/** What of a snapshot shall be restored: everything, or what `--only` names. */
export interface Selection {
  readonly isEverything: boolean;
  /** Roles and tablespaces of servers. */
  readonly globals: readonly DumpRecord[];
  /** Whole databases. */
  readonly databases: readonly DumpRecord[];
  /** Single tables, by database. */
  readonly tables: ReadonlyMap<DumpRecord, readonly TableName[]>;
  /** Archive paths (as `latin1` keys), each with all below it, none below another; null for every entry of every tree. */
  readonly paths: readonly string[] | null;
}

/**
 * Resolves `--only`: `app` (a database), `public.users` or `app:public.users` (a table), otherwise a path, as it stands in
 * the archive or on the machine that was backed up. Throws `USAGE` for a table that several databases have, and for a name
 * that can be none of these.
 */
export function select(manifest: Manifest, only: readonly string[]): Selection {
  const dumps = manifest.units.filter((unit): unit is DumpRecord => unit.content === 'dump');
  const isGlobal = ({ dump }: DumpRecord): boolean => dump.scope === 'globals';
  const globals = dumps.filter(isGlobal);
  const databases = dumps.filter((unit) => !isGlobal(unit));
  if (only.length === 0) return { isEverything: true, globals, databases, tables: new Map(), paths: null };
  const chosen = new Set<DumpRecord>();
  const tables = new Map<DumpRecord, readonly TableName[]>();
  const paths: string[] = [];
  for (const name of new Set(only)) {
    const dump = dumps.find((unit) => unit.name === name);
    const table = dump === undefined ? findTable(databases, name) : undefined;
    if (dump !== undefined) chosen.add(dump);
    else if (table !== undefined) tables.set(table.unit, [...(tables.get(table.unit) ?? []), table.table]);
    else paths.push(archivePath(manifest, name));
  }
  return {
    isEverything: false,
    globals: globals.filter((unit) => chosen.has(unit)),
    databases: databases.filter((unit) => chosen.has(unit)),
    // A database that is restored as a whole brings its tables.
    tables: new Map([...tables].filter(([unit]) => !chosen.has(unit))),
    paths: outermost(paths),
  };
}

interface FoundTable {
  readonly unit: DumpRecord;
  readonly table: TableName;
}

function findTable(dumps: readonly DumpRecord[], name: string): FoundTable | undefined {
  const found = dumps.flatMap((unit): FoundTable[] => {
    const inDatabase = name.startsWith(`${unit.name}:`) ? name.slice(unit.name.length + 1) : name;
    const table = unit.dump.tables.find((candidate) => `${candidate.schema}.${candidate.name}` === inDatabase);
    return table === undefined ? [] : [{ unit, table: { schema: table.schema, name: table.name } }];
  });
  if (found.length < 2) return found[0];
  const choices = found.map(({ unit }) => `${unit.name}:${name}`);
  throw new HoldfastError(
    'USAGE',
    `Cannot tell which table "${name}" is meant: ${found.map(({ unit }) => unit.name).join(' and ')} each have one`,
    {
      hint: `Name the database too, for example --only ${choices[0]}`,
    },
  );
}

/** `/srv/photos/a.jpg` and `photos/a.jpg` name the same entry. Whether there is such an entry, only the listing tells. */
function archivePath(manifest: Manifest, path: string): string {
  const trimmed = path.replace(/(?<=.)\/+$/, '');
  const roots = manifest.units.filter((unit): unit is TreeRecord => unit.content === 'tree').flatMap((unit) => unit.roots);
  const isNearRoot = roots.some(
    ({ archivePath: folder, originalPath }) => liesIn(trimmed, folder) || liesIn(folder, trimmed) || liesIn(trimmed, originalPath),
  );
  if (!isNearRoot) throw unknownName(manifest, path);
  const above = roots
    .filter(({ originalPath }) => liesIn(trimmed, originalPath))
    .toSorted((a, b) => b.originalPath.length - a.originalPath.length);
  const [root] = above;
  const inArchive = root === undefined ? trimmed : root.archivePath + trimmed.slice(root.originalPath.length).replace(/^(?=[^/])/, '/');
  return latin1(Buffer.from(inArchive));
}

/** True for the directory itself and all below it. */
export function liesIn(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

function outermost(paths: readonly string[]): string[] {
  return paths.filter((path, index) => !paths.some((other, at) => (other === path ? at < index : liesIn(path, other))));
}

/** Entries to extract, when only some are wanted, and what each becomes. */
export class PathFilter {
  readonly #wanted: readonly string[];
  /** A file that is not wanted itself, but carries the content of wanted hard links: the path that gets it. */
  readonly #heirs = new Map<string, string>();
  readonly #unmet: Set<string>;
  #matched = 0;

  private constructor(wanted: readonly string[]) {
    this.#wanted = wanted;
    this.#unmet = new Set(wanted);
  }

  /** Looks through the listing first, since a hard link's content comes before the link. Throws `USAGE` for a path that is not there. */
  static async of(wanted: readonly string[], listing: AsyncIterable<ListedEntry>): Promise<PathFilter> {
    const filter = new PathFilter(wanted);
    for await (const entry of listing) filter.#note(entry);
    if (filter.#unmet.size > 0) throw unknownPaths([...filter.#unmet]);
    return filter;
  }

  /** How many entries will be restored. */
  get matched(): number {
    return this.#matched;
  }

  #note(entry: ListedEntry): void {
    const path = latin1(entry.path);
    const wanted = this.#wantedAbove(path);
    if (wanted === undefined) return;
    this.#unmet.delete(wanted);
    this.#matched += 1;
    const target = latin1(entry.linkTarget);
    if (entry.type === 'hardlink' && !this.#isWanted(target) && !this.#heirs.has(target)) this.#heirs.set(target, path);
  }

  #wantedAbove(path: string): string | undefined {
    return this.#wanted.find((wanted) => liesIn(path, wanted));
  }

  #isWanted(path: string): boolean {
    return this.#wantedAbove(path) !== undefined;
  }

  /** Folders above a wanted entry are made on the way, without being restored themselves. */
  includes(path: string): boolean {
    return this.#isWanted(path);
  }

  rewrite(entry: TreeEntry): TreeEntry {
    const path = latin1(entry.path);
    const heir = entry.type === 'file' ? this.#heirs.get(path) : undefined;
    if (heir !== undefined) return { ...entry, path: Buffer.from(heir, 'latin1') };
    const carrier = entry.type === 'hardlink' ? this.#heirs.get(latin1(entry.linkTarget)) : undefined;
    if (carrier === undefined) return entry;
    // The heir was written as a file already: its own link entry must not come again.
    if (carrier === path) return { ...entry, path: Buffer.from('') };
    return { ...entry, linkTarget: Buffer.from(carrier, 'latin1') };
  }

  async *wanted(listing: AsyncIterable<ListedEntry>): AsyncGenerator<ListedEntry, void, undefined> {
    const content = new Map<string, string>();
    for await (const entry of listing) {
      const path = latin1(entry.path);
      if (this.#heirs.has(path)) content.set(path, entry.sha256);
      if (this.#isWanted(path)) yield this.#asRestored(entry, path);
    }
  }

  #asRestored(entry: ListedEntry, path: string): ListedEntry {
    const carrier = entry.type === 'hardlink' ? this.#heirs.get(latin1(entry.linkTarget)) : undefined;
    return carrier === undefined || carrier === path ? entry : { ...entry, linkTarget: Buffer.from(carrier, 'latin1') };
  }
}

/** How many of the names that there are one message tells. */
const namesTold = 10;

function unknownName({ units }: Manifest, name: string): HoldfastError {
  const dumps = units.filter((unit): unit is DumpRecord => unit.content === 'dump');
  const tables = dumps.flatMap((unit) =>
    unit.dump.tables.flatMap((table) => [`${table.schema}.${table.name}`, `${unit.name}:${table.schema}.${table.name}`]),
  );
  const roots = units.flatMap((unit) => (unit.content === 'tree' ? unit.roots : []));
  const names = [...dumps.map((unit) => unit.name), ...roots.flatMap((root) => [root.archivePath, root.originalPath])];
  const near = nearest(name, [...names, ...tables]) ?? tables.find((table) => table.endsWith(`.${name}`));
  const found = near === undefined ? `it holds ${nameSome(names)}` : `did you mean ${JSON.stringify(near)}?`;
  return new HoldfastError('USAGE', `Nothing in the snapshot is called ${JSON.stringify(name)}; ${found}`, {
    hint: 'Name a database, a table as SCHEMA.TABLE or a path; see what there is: holdfast show ID',
    details: { name, ...(near === undefined ? {} : { nearest: near }) },
  });
}

function nameSome(names: readonly string[]): string {
  const told = names.slice(0, namesTold).map((name) => JSON.stringify(name));
  return told.join(', ') + (names.length > told.length ? ` and ${names.length - told.length} more` : '');
}

function unknownPaths(paths: readonly string[]): HoldfastError {
  const names = paths.map((path) => JSON.stringify(Buffer.from(path, 'latin1').toString())).join(', ');
  return new HoldfastError('USAGE', `Nothing in the snapshot is called ${names}`, {
    hint: 'See what it holds: holdfast show ID, and holdfast show ID --contents',
  });
}
