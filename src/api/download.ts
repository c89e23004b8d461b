import { HoldfastError } from '../domain/errors.ts';
import type { Part } from '../domain/manifest.ts';
import type { Found } from '../operations/choose.ts';
import { storedBytes } from '../operations/read-archive.ts';
import { fileBytes, partOfFile } from '../operations/read-file.ts';
import { unsealed } from '../operations/seal.ts';
import type { FolderEntry, FolderIndex } from '../ports/folder-index.ts';
import type { Store } from '../ports/store.ts';
import type { ApiContext } from './api-context.ts';
import type { ByteRange } from './byte-range.ts';

/** What is sent, and the stored part that it is read from. */
export interface Download {
  readonly kind: 'part' | 'file';
  readonly part: Part;
  readonly fileName: string;
  /** For the audit and the log. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** All of it when `range` is null; then, and of a file always, the end throws when the bytes are not those that were written. */
  bytes(store: Store, wanted: { readonly range: ByteRange | null; readonly signal: AbortSignal }): AsyncIterable<Uint8Array>;
}

/** A part as it is stored. Throws `NOT_FOUND`. */
export function partOf({ world }: Pick<ApiContext, 'world'>, { snapshot: { manifest } }: Found, name: string): Download {
  const part = manifest.parts.find((candidate) => candidate.name === name);
  if (part === undefined)
    throw new HoldfastError('NOT_FOUND', `Snapshot "${manifest.id}" has no file ${JSON.stringify(name)}`, {
      hint: `See which it has: GET /api/v1/snapshots/${manifest.id}`,
    });
  const { sizeBytes, sha256 } = part;
  return {
    kind: 'part',
    part,
    fileName: name,
    path: name,
    sizeBytes,
    sha256,
    bytes: (store, { range, signal }) =>
      range === null ? storedBytes({ store, signal, tools: world }, part) : store.readPart(name, signal, range),
  };
}

/** A file as it was backed up. Throws `NOT_FOUND`, `REQUEST_INVALID` for what is no file, and what `Listings.read` throws. */
export async function fileOf({ listings, world }: Pick<ApiContext, 'listings' | 'world'>, found: Found, path: Buffer): Promise<Download> {
  const { id } = found.snapshot.manifest;
  const { manifest, file } = await listings.read(found, (listing) => ({ manifest: listing.manifest, file: fileAt(listing.folders, path) }));
  const part = file === undefined ? undefined : partOfFile(manifest, file.path);
  if (file === undefined || part === undefined)
    throw new HoldfastError('NOT_FOUND', `There is no file ${JSON.stringify(path.toString())} in snapshot "${id}"`, {
      hint: `See which there are: GET /api/v1/snapshots/${id}/contents`,
    });
  const { cipher } = await unsealed(found.snapshot.manifest, found.plan, world);
  const { sizeBytes, sha256 } = file;
  const shown = path.toString();
  return {
    kind: 'file',
    part,
    fileName: shown.slice(shown.lastIndexOf('/') + 1),
    path: shown,
    sizeBytes,
    sha256,
    bytes: (store, { range, signal }) => within(fileBytes({ store, manifest, cipher, tools: world, signal }, part, file), range),
  };
}

/** The content of a hard link is archived under another name. */
function fileAt(folders: FolderIndex, path: Buffer) {
  const entry = folders.find(path);
  const carrier = entry?.type === 'hardlink' ? Buffer.from(entry.linkTarget ?? []) : path;
  const file = folders.find(carrier);
  if (file === undefined) return undefined;
  if (!isFile(file))
    throw new HoldfastError('REQUEST_INVALID', `Cannot download ${JSON.stringify(path.toString())}: it is a ${file.type}`, {
      hint: 'Name a file; a folder is restored: holdfast restore --only',
    });
  return { path: carrier, sizeBytes: file.sizeBytes, sha256: file.sha256 };
}

function isFile(entry: FolderEntry): entry is FolderEntry & { readonly sizeBytes: number; readonly sha256: string } {
  return entry.type === 'file' && entry.sizeBytes !== null && entry.sha256 !== null;
}

/** A range of bytes that are all read, so that the end can tell whether they are the right ones. */
async function* within(bytes: AsyncIterable<Uint8Array>, range: ByteRange | null): AsyncGenerator<Uint8Array, void, undefined> {
  const { offset, sizeBytes } = range ?? { offset: 0, sizeBytes: Infinity };
  let position = 0;
  for await (const chunk of bytes) {
    const piece = chunk.subarray(Math.max(0, offset - position), Math.max(0, offset + sizeBytes - position));
    position += chunk.length;
    if (piece.length > 0) yield piece;
  }
}
