import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { HoldfastError } from '../domain/errors.ts';
import type { FolderEntry, FolderIndex, PlaceInFolder } from '../ports/folder-index.ts';

const slash = 0x2f;
const nothing = new Uint8Array(0);

/**
 * A nameless database is private to its connection: pages that its cache cannot hold go to a temporary file that is unlinked as
 * soon as it is open (https://www.sqlite.org/inmemorydb.html#temp_db). Nothing of it is ever committed, since nothing outlives it.
 */
const schema = `
  PRAGMA journal_mode = OFF;
  PRAGMA cache_size = -8192;
  CREATE TABLE folder (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE) STRICT;
  CREATE TABLE entry (
    folder INTEGER NOT NULL, place INTEGER NOT NULL, name BLOB NOT NULL, type TEXT NOT NULL,
    size INTEGER, modified INTEGER, sha256 BLOB, rows INTEGER, target BLOB,
    PRIMARY KEY (folder, place, name)
  ) STRICT, WITHOUT ROWID;
  BEGIN;
`;

/** The order in a folder. */
const places = { database: 0, directory: 1, file: 2, symlink: 2, hardlink: 2, table: 2 } satisfies Record<FolderEntry['type'], number>;

export function openFolderIndex(): FolderIndex {
  return new SqliteFolderIndex();
}

class SqliteFolderIndex implements FolderIndex {
  readonly #database = new DatabaseSync('');
  readonly #addFolder: StatementSync;
  readonly #folder: StatementSync;
  readonly #put: StatementSync;
  readonly #imply: StatementSync;
  readonly #page: StatementSync;
  readonly #find: StatementSync;
  /** Entries come folder by folder: the last one is nearly always the next one too. */
  #last: { readonly path: Buffer; readonly id: number } | undefined;

  constructor() {
    const database = this.#database;
    database.exec(schema);
    this.#addFolder = database.prepare('INSERT INTO folder (path) VALUES (?)');
    this.#folder = database.prepare('SELECT id FROM folder WHERE path = ?');
    this.#put = database.prepare('INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#imply = database.prepare("INSERT OR IGNORE INTO entry (folder, place, name, type) VALUES (?, ?, ?, 'directory')");
    this.#page = database.prepare('SELECT * FROM entry WHERE folder = ? AND (place, name) > (?, ?) ORDER BY place, name LIMIT ?');
    this.#find = database.prepare('SELECT * FROM entry WHERE folder = ? AND place IN (1, 2) AND name = ?');
    this.#addFolder.run(nothing);
  }

  add(folder: Uint8Array, entry: FolderEntry): void {
    try {
      const { type, name, sizeBytes, modifiedAt, sha256, rows, linkTarget } = entry;
      const parent = this.#idOf(Buffer.from(folder));
      if (type === 'directory' || type === 'database') this.#register(joined(folder, name));
      const digest = sha256 === null ? null : Buffer.from(sha256, 'hex');
      this.#put.run(parent, places[type], name, type, sizeBytes, modifiedAt?.getTime() ?? null, digest, rows, linkTarget);
    } catch (error) {
      throw translated(error);
    }
  }

  page(folder: Uint8Array, { after, limit }: { readonly after: PlaceInFolder | undefined; readonly limit: number }) {
    const id = this.#known(folder);
    if (id === undefined) return undefined;
    const place = after === undefined ? -1 : places[after.type];
    return this.#page.all(id, place, after?.name ?? nothing, limit).map(entryOf);
  }

  find(path: Uint8Array): FolderEntry | undefined {
    const { folder, name } = split(Buffer.from(path));
    const id = this.#known(folder);
    const row = id === undefined ? undefined : this.#find.get(id, name);
    return row === undefined ? undefined : entryOf(row);
  }

  /** Of a folder that something is added to: those above it are there from then on. */
  #idOf(path: Buffer): number {
    if (this.#last?.path.equals(path) === true) return this.#last.id;
    const id = this.#known(path) ?? this.#implied(path);
    this.#last = { path, id };
    return id;
  }

  #implied(path: Buffer): number {
    const { folder, name } = split(path);
    this.#imply.run(this.#idOf(folder), places.directory, name);
    return this.#register(path);
  }

  #register(path: Buffer): number {
    return this.#known(path) ?? Number(this.#addFolder.run(path).lastInsertRowid);
  }

  #known(path: Uint8Array): number | undefined {
    const row = this.#folder.get(path);
    return row === undefined ? undefined : Number(row['id']);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function split(path: Buffer): { readonly folder: Buffer; readonly name: Buffer } {
  const end = path.lastIndexOf(slash);
  return { folder: path.subarray(0, Math.max(0, end)), name: path.subarray(end + 1) };
}

function joined(folder: Uint8Array, name: Uint8Array): Buffer {
  return folder.length === 0 ? Buffer.from(name) : Buffer.concat([folder, Uint8Array.of(slash), name]);
}

function entryOf(row: Record<string, SQLOutputValue>): FolderEntry {
  const { modified, sha256, target } = row;
  return {
    type: row['type'] as FolderEntry['type'],
    name: row['name'] as Uint8Array,
    sizeBytes: row['size'] as number | null,
    modifiedAt: typeof modified === 'number' ? new Date(modified) : null,
    sha256: sha256 instanceof Uint8Array ? Buffer.from(sha256).toString('hex') : null,
    rows: row['rows'] as number | null,
    linkTarget: target instanceof Uint8Array ? target : null,
  };
}

function translated(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return new HoldfastError('SPACE_SHORT', `Cannot keep the listing of the snapshot at hand: ${error.message}`, {
    hint: 'Free space in the directory for temporary files, or name another in SQLITE_TMPDIR',
    cause: error,
  });
}
