import { setImmediate } from 'node:timers/promises';
import { HoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Manifest, TableRecord } from '../domain/manifest.ts';
import type { ListedEntry } from '../domain/tree-entry.ts';
import type { FolderEntry, FolderIndex } from '../ports/folder-index.ts';
import { listedEntries } from './extract-trees.ts';
import type { ArchiveReading } from './read-archive.ts';

/** After so many entries others have their turn. */
const entriesAtOnce = 1_000;

/**
 * Puts what a snapshot holds into an index, once, for looking at it in any order: its databases and folders at the top, tables
 * in their database, and files in their folders.
 */
export async function indexContents(reading: ArchiveReading, index: FolderIndex): Promise<void> {
  for (const unit of databasesOf(reading.manifest)) {
    index.add(top, databaseEntry(unit));
    for (const table of unit.dump.tables) index.add(Buffer.from(unit.name), tableEntry(table));
  }
  let count = 0;
  for await (const entry of listedEntries(reading)) {
    addListed(index, entry);
    count += 1;
    if (count % entriesAtOnce === 0) await setImmediate();
  }
}

/** What `browse` and `restore --only` take for an entry. */
export function pathBelow(folder: Uint8Array, { type, name }: Pick<FolderEntry, 'type' | 'name'>): Buffer {
  return folder.length === 0 ? Buffer.from(name) : Buffer.concat([folder, Buffer.from(type === 'table' ? ':' : '/'), name]);
}

export function noFolderAt(id: string, folder: Buffer): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no database or folder ${JSON.stringify(folder.toString())} in snapshot "${id}"`, {
    hint: 'Look at what is above it first',
  });
}

const top = new Uint8Array(0);

function databasesOf({ units }: Manifest): DumpRecord[] {
  return units.filter((unit): unit is DumpRecord => unit.content === 'dump');
}

const nothingMore = { modifiedAt: null, sha256: null, rows: null, linkTarget: null };

function databaseEntry({ name, sizeBytes }: DumpRecord): FolderEntry {
  return { ...nothingMore, name: Buffer.from(name), type: 'database', sizeBytes };
}

function tableEntry({ schema, name, sizeBytes, rows, sha256 }: TableRecord): FolderEntry {
  return { ...nothingMore, name: Buffer.from(`${schema}.${name}`), type: 'table', sizeBytes, rows, sha256 };
}

function addListed(index: FolderIndex, { type, path, sizeBytes, mtimeNs, sha256, linkTarget }: ListedEntry): void {
  const bytes = Buffer.from(path);
  const end = bytes.lastIndexOf('/');
  index.add(bytes.subarray(0, Math.max(0, end)), {
    type,
    name: bytes.subarray(end + 1),
    sizeBytes: type === 'file' ? sizeBytes : null,
    modifiedAt: instantOf(mtimeNs),
    sha256: sha256 === '' ? null : sha256,
    rows: null,
    linkTarget: type === 'hardlink' ? linkTarget : null,
  });
}

/** A file may carry any time; one that no calendar has is left out. */
function instantOf(mtimeNs: bigint): Date | null {
  const at = new Date(Number(mtimeNs / 1_000_000n));
  const year = at.getUTCFullYear();
  return year >= 0 && year <= 9999 ? at : null;
}
