import { createHash } from 'node:crypto';
import { HoldfastError } from '../domain/errors.ts';
import type { Manifest, Part } from '../domain/manifest.ts';
import type { TreeEntry } from '../domain/tree-entry.ts';
import { HoleFiller } from '../pipeline/hole-filler.ts';
import { TarReader, type TarVisitor } from '../pipeline/tar-reader.ts';
import { latin1 } from './extract-trees.ts';
import { corrupt, memberTest, plainBytes, printablePath, type ArchiveReading } from './read-archive.ts';

/** A file of a snapshot's trees, as its listing tells. */
export interface ListedFile {
  readonly path: Uint8Array;
  readonly sizeBytes: number;
  /** Of its whole content, hex. */
  readonly sha256: string;
}

/** The archive that carries what a tree holds at this path; undefined where none does. */
export function partOfFile({ units, parts }: Manifest, path: Uint8Array): Part | undefined {
  const unit = units.find((candidate) => candidate.content === 'tree' && memberTest(candidate)(latin1(path)));
  return parts.find(({ name }) => name === unit?.part);
}

/**
 * The content of one file, holes as zeros, each chunk valid until the next is asked for. The archive is read up to the file's end,
 * and nothing is unpacked. What came is compared with the listing at the end: throws `LENGTH_MISMATCH` or `DIGEST_MISMATCH`, and
 * `ARCHIVE_CORRUPT` where the archive does not hold the file.
 */
export async function* fileBytes(reading: ArchiveReading, part: Part, file: ListedFile): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of memberBytes(reading, part, file.path)) {
    hash.update(piece);
    sizeBytes += piece.length;
    if (sizeBytes > file.sizeBytes) break;
    yield piece;
  }
  const where = `"${printablePath(file.path)}" in "${part.name}" in "${reading.store.location}"`;
  if (sizeBytes !== file.sizeBytes) throw damaged('LENGTH_MISMATCH', `${where} has not the ${file.sizeBytes} bytes that were backed up`);
  if (hash.digest('hex') !== file.sha256)
    throw damaged('DIGEST_MISMATCH', `${where} has other bytes than were backed up: its SHA-256 is not the listing's`);
}

function damaged(code: 'LENGTH_MISMATCH' | 'DIGEST_MISMATCH', what: string): HoldfastError {
  return new HoldfastError(code, `Cannot trust ${what}`, { hint: 'Take it from another store or an older snapshot: holdfast list' });
}

async function* memberBytes(reading: ArchiveReading, part: Part, path: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  const member = new Member(path);
  const tar = new TarReader(member);
  try {
    for await (const chunk of plainBytes(reading, part)) {
      await tar.push(chunk);
      yield* member.arrived();
      if (member.isWhole) return;
    }
    tar.end();
  } catch (error) {
    throw corrupt(part, error);
  }
  throw corrupt(part, new Error(`it does not hold "${printablePath(path)}", which its listing names`));
}

/** Keeps what one chunk of the archive brings of one file. */
class Member implements TarVisitor {
  readonly #path: string;
  readonly #arrived: Uint8Array[] = [];
  #holes: HoleFiller | undefined;
  #isOpen = false;
  isWhole = false;

  constructor(path: Uint8Array) {
    this.#path = latin1(path);
  }

  begin({ type, path, extents, sizeBytes }: TreeEntry): void {
    if (this.isWhole || type !== 'file' || latin1(path) !== this.#path) return;
    this.#holes = new HoleFiller(extents ?? [{ offset: 0, sizeBytes }], sizeBytes);
    this.#isOpen = true;
  }

  write(bytes: Uint8Array): void {
    if (this.#isOpen) this.#arrived.push(bytes);
  }

  endFile(): void {
    this.isWhole ||= this.#isOpen;
    this.#isOpen = false;
  }

  *arrived(): Generator<Uint8Array, void, undefined> {
    if (this.#holes === undefined) return;
    for (const bytes of this.#arrived.splice(0)) yield* this.#holes.filled(bytes);
    if (this.isWhole) yield* this.#holes.end();
  }
}
