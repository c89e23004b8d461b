import type { TreeRecord } from '../domain/manifest.ts';
import type { ListedEntry, TreeEntry } from '../domain/tree-entry.ts';
import { ListingReader } from '../pipeline/contents-listing.ts';
import type { TarVisitor } from '../pipeline/tar-reader.ts';
import type { Progress } from '../ports/progress.ts';
import type { TreeWriter } from '../ports/tree-target.ts';
import { isTar, plainBytes, readTrees, unitsOf, type ArchiveReading } from './read-archive.ts';

/** All entries of the contents listing, in archive order. */
export async function* listedEntries(reading: ArchiveReading): AsyncGenerator<ListedEntry, void, undefined> {
  const part = reading.manifest.parts.find((candidate) => candidate.role === 'contents');
  if (part === undefined) return;
  const listing = new ListingReader(plainBytes(reading, part));
  try {
    for (let entry = await listing.next(); entry !== undefined; entry = await listing.next()) yield entry;
  } finally {
    await listing.close();
  }
}

interface Extraction {
  /** Where an entry goes; undefined leaves it out. */
  readonly writerFor: (unit: TreeRecord, path: string) => TreeWriter | undefined;
  /** Changes an entry on its way: another type or path for a hard link whose content is not restored. */
  readonly rewrite?: (entry: TreeEntry) => TreeEntry;
  readonly progress: Progress;
}

/** Reads every archive part that holds trees, once, and hands its entries out. */
export async function extractTrees(reading: ArchiveReading, extraction: Extraction): Promise<void> {
  for (const part of reading.manifest.parts) {
    const holdsTrees =
      part.role === 'archive' && isTar(reading.manifest, part) && unitsOf(reading.manifest, part).some((unit) => unit.content === 'tree');
    if (!holdsTrees) continue;
    const progress = { doneBytes: 0 };
    extraction.progress.step(`restoring files from ${part.name}`, part.sizeBytes, () => progress.doneBytes);
    const onBytes = (sizeBytes: number): void => void (progress.doneBytes += sizeBytes);
    await readTrees(reading, part, { visitor: (unit) => new Extractor(unit, extraction), onBytes });
  }
}

class Extractor implements TarVisitor {
  readonly #unit: TreeRecord;
  readonly #extraction: Extraction;
  #writer: TreeWriter | undefined;

  constructor(unit: TreeRecord, extraction: Extraction) {
    this.#unit = unit;
    this.#extraction = extraction;
  }

  begin(entry: TreeEntry): void | Promise<void> {
    const rewritten = this.#extraction.rewrite?.(entry) ?? entry;
    this.#writer = this.#extraction.writerFor(this.#unit, latin1(rewritten.path));
    return this.#writer?.begin(rewritten);
  }

  write(bytes: Uint8Array): void | Promise<void> {
    return this.#writer?.write(bytes);
  }

  endFile(): void | Promise<void> {
    return this.#writer?.endFile();
  }
}

/** Paths are bytes; as keys they are compared in a form that keeps every byte. */
export function latin1(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.length).toString('latin1');
}
