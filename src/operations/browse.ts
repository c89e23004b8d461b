import { HoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Manifest } from '../domain/manifest.ts';
import type { ListedEntry } from '../domain/tree-entry.ts';
import { latin1, listedEntries } from './extract-trees.ts';
import type { ArchiveReading } from './read-archive.ts';

/** What stands in one place of a snapshot. `path` is what `--only` and `browse` take for it. */
export interface BrowsedEntry {
  readonly name: string;
  readonly path: string;
  readonly type: ListedEntry['type'] | 'database' | 'table';
  readonly sizeBytes: number | null;
  readonly modifiedAt: Date | null;
  readonly sha256: string | null;
  /** Of a table. */
  readonly rows: number | null;
}

/**
 * What a snapshot holds in one place: '' is its top with databases and folders, the name of a database holds its tables, and
 * every other path is a folder of the archive. Folders come first, then by name. Throws `NOT_FOUND` where nothing is.
 */
export async function browse(reading: ArchiveReading, path: string): Promise<BrowsedEntry[]> {
  const databases = databasesOf(reading.manifest);
  if (path === '') return sorted([...databases.map(databaseEntry), ...((await childrenOf(reading, '')) ?? [])]);
  const database = databases.find(({ name }) => name === path);
  if (database !== undefined) return sorted(database.dump.tables.map((table) => tableEntry(database, table)));
  const children = await childrenOf(reading, path.replace(/\/+$/u, ''));
  if (children !== null) return sorted(children);
  throw noFolderAt(reading.manifest, path);
}

function databasesOf({ units }: Manifest): DumpRecord[] {
  return units.filter((unit): unit is DumpRecord => unit.content === 'dump');
}

const nothingMore = { modifiedAt: null, sha256: null, rows: null };

function databaseEntry({ name, sizeBytes }: DumpRecord): BrowsedEntry {
  return { name, path: name, type: 'database', sizeBytes, ...nothingMore };
}

function tableEntry(unit: DumpRecord, { schema, name, sizeBytes, rows, sha256 }: DumpRecord['dump']['tables'][number]): BrowsedEntry {
  return { ...nothingMore, name: `${schema}.${name}`, path: `${unit.name}:${schema}.${name}`, type: 'table', sizeBytes, rows, sha256 };
}

/** Those right below a folder, which may itself stand in no listing when it is above the trees' roots; null when there is none. */
async function childrenOf(reading: ArchiveReading, path: string): Promise<BrowsedEntry[] | null> {
  const wanted = latin1(Buffer.from(path));
  const prefix = wanted === '' ? '' : `${wanted}/`;
  const children = new Map<string, BrowsedEntry>();
  let isThere = false;
  for await (const entry of listedEntries(reading)) {
    const key = latin1(entry.path);
    if (key === wanted && entry.type === 'directory') isThere = true;
    if (!key.startsWith(prefix)) continue;
    const [name = ''] = key.slice(prefix.length).split('/', 1);
    const child = prefix + name;
    if (child === key) children.set(child, fileEntry(entry));
    else if (!children.has(child)) children.set(child, impliedFolder(child));
  }
  return isThere || children.size > 0 ? [...children.values()] : null;
}

function fileEntry({ type, path, sizeBytes, mtimeNs, sha256 }: ListedEntry): BrowsedEntry {
  const text = Buffer.from(path).toString();
  return {
    name: text.slice(text.lastIndexOf('/') + 1),
    path: text,
    type,
    sizeBytes: type === 'file' ? sizeBytes : null,
    modifiedAt: instantOf(mtimeNs),
    sha256: sha256 === '' ? null : sha256,
    rows: null,
  };
}

function impliedFolder(key: string): BrowsedEntry {
  const path = Buffer.from(key, 'latin1').toString();
  return { name: path.slice(path.lastIndexOf('/') + 1), path, type: 'directory', sizeBytes: null, ...nothingMore };
}

/** A file may carry any time; one that no calendar has is left out. */
function instantOf(mtimeNs: bigint): Date | null {
  const at = new Date(Number(mtimeNs / 1_000_000n));
  const year = at.getUTCFullYear();
  return year >= 0 && year <= 9999 ? at : null;
}

function sorted(entries: readonly BrowsedEntry[]): BrowsedEntry[] {
  return entries.toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function rank({ type }: BrowsedEntry): number {
  return type === 'database' ? 0 : type === 'directory' ? 1 : 2;
}

function noFolderAt({ id }: Manifest, path: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no database or folder ${JSON.stringify(path)} in snapshot "${id}"`, {
    hint: 'Look at what is above it first',
  });
}
