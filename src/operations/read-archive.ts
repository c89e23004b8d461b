import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Manifest, Part, TreeRecord, UnitRecord } from '../domain/manifest.ts';
import type { TreeEntry } from '../domain/tree-entry.ts';
import { decode } from '../pipeline/decoded-part.ts';
import { freeMemory } from '../pipeline/free-memory.ts';
import { isDumpSegment } from '../pipeline/dump-segments.ts';
import { TarReader } from '../pipeline/tar-reader.ts';
import type { TarVisitor } from '../pipeline/tar-reader.ts';
import type { Cipher } from '../ports/cipher.ts';
import type { Store } from '../ports/store.ts';
import type { OperationContext } from './context.ts';

/** What any archive is read with. */
type ReadingTools = Pick<OperationContext, 'codecs' | 'openDigester'>;

/** One snapshot to read. */
interface ReadingSnapshot {
  readonly store: Store;
  readonly manifest: Manifest;
  /** Opens the parts; null for a snapshot that is not encrypted. */
  readonly cipher: Cipher | null;
  readonly signal: AbortSignal;
}

export interface ArchiveReading extends ReadingSnapshot {
  readonly tools: ReadingTools;
}

type StoredReading = Pick<ArchiveReading, 'store' | 'signal' | 'tools'>;

/** The name in a bundle of the copy of the manifest. */
export const metadataMember = 'metadata.json';

/**
 * The stored bytes of a part, each chunk valid until the next is asked for. When read to the end, their length and digest
 * are compared with the manifest: throws `LENGTH_MISMATCH` or `DIGEST_MISMATCH`. `onBytes` hears of progress.
 */
export async function* storedBytes(
  reading: StoredReading,
  part: Part,
  onBytes?: (sizeBytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digester = reading.tools.openDigester();
  let sizeBytes = 0;
  for await (const chunk of reading.store.readPart(part.name, reading.signal)) {
    const digested = digester.update(chunk);
    // It is met below; until then it must not count as unhandled.
    digested.catch(() => undefined);
    sizeBytes += chunk.length;
    onBytes?.(chunk.length);
    yield chunk;
    await digested;
    freeMemory(chunk);
  }
  const where = `"${part.name}" in "${reading.store.location}": it`;
  if (sizeBytes !== part.sizeBytes) throw damaged('LENGTH_MISMATCH', `${where} has ${sizeBytes} bytes, ${part.sizeBytes} were written`);
  if ((await digester.digest()) !== part.sha256)
    throw damaged('DIGEST_MISMATCH', `${where} has other bytes than were written: its SHA-256 is not the manifest's`);
}

function damaged(code: 'LENGTH_MISMATCH' | 'DIGEST_MISMATCH', what: string): HoldfastError {
  return new HoldfastError(code, `Cannot trust ${what}`, {
    hint: 'Restore from an older snapshot or another store, and check the disk: holdfast list',
  });
}

/** The bytes of a part before compression and encryption. Whatever is wrong with them is thrown as `ARCHIVE_CORRUPT`. */
export async function* plainBytes(
  reading: ArchiveReading,
  part: Part,
  onBytes?: (sizeBytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stored = storedBytes(reading, part, onBytes);
  const { cipher, tools, manifest } = reading;
  if (manifest.encryption !== null && cipher === null) throw new Error(`no cipher was opened for "${part.name}"`);
  try {
    yield* decode(tools.codecs[manifest.compression.kind], cipher === null ? stored : cipher.decrypt(stored));
  } catch (error) {
    throw corrupt(part, error);
  }
}

/** Our own errors say enough; a decoder's says what is wrong, not where. */
export function corrupt(part: Part, error: unknown): Error {
  if (isHoldfastError(error)) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  return new HoldfastError('ARCHIVE_CORRUPT', `Cannot read "${part.name}": ${error.message}`, {
    hint: 'Restore from an older snapshot or another store: holdfast list',
    cause: error,
  });
}

function partOf(manifest: Manifest, name: string): Part {
  const part = manifest.parts.find((candidate) => candidate.name === name);
  if (part === undefined) throw new Error(`the manifest has no part "${name}"`);
  return part;
}

export function unitsOf(manifest: Manifest, part: Part): readonly UnitRecord[] {
  return manifest.units.filter((unit) => unit.part === part.name);
}

/** True when the part is a tar archive; otherwise it is one dump. */
export function isTar(manifest: Manifest, part: Part): boolean {
  return manifest.layout === 'bundle' || unitsOf(manifest, part).some((unit) => unit.content === 'tree');
}

/** Sends each member of a tar part to whoever takes its unit's members. */
export class MemberRouter implements TarVisitor {
  readonly #routes: readonly {
    readonly unit: UnitRecord | null;
    readonly visitor: TarVisitor;
    readonly takes: (path: string) => boolean;
  }[];
  #current: TarVisitor | undefined;

  constructor(routes: {
    readonly units: readonly UnitRecord[];
    readonly visitor: (unit: UnitRecord) => TarVisitor | undefined;
    readonly metadata?: TarVisitor;
  }) {
    this.#routes = [
      { unit: null, visitor: routes.metadata ?? ignored, takes: (path) => path === metadataMember },
      ...routes.units.map((unit) => ({ unit, visitor: routes.visitor(unit) ?? ignored, takes: memberTest(unit) })),
    ];
  }

  begin(entry: TreeEntry): void | Promise<void> {
    const path = Buffer.from(entry.path).toString('latin1');
    // The routes of trees are tried last: a tree may hold whatever names it likes below its own roots.
    const route = this.#routes.find((candidate) => candidate.takes(path));
    if (route === undefined) throw new Error(`it holds "${printablePath(entry.path)}", which no unit of the manifest does`);
    this.#current = route.visitor;
    return this.#current.begin(entry);
  }

  write(bytes: Uint8Array): void | Promise<void> {
    return this.#current?.write(bytes);
  }

  endFile(): void | Promise<void> {
    return this.#current?.endFile();
  }
}

const ignored: TarVisitor = { begin: () => undefined, write: () => undefined, endFile: () => undefined };

export function memberTest(unit: UnitRecord): (path: string) => boolean {
  if (unit.content === 'dump') {
    const dumpPath = unit.path === null ? undefined : Buffer.from(unit.path).toString('latin1');
    return (path) => dumpPath !== undefined && isDumpSegment(path, dumpPath);
  }
  const roots = unit.roots.map((root) => Buffer.from(root.archivePath).toString('latin1'));
  return (path) => roots.some((root) => path === root || path.startsWith(`${root}/`));
}

/** A name for messages: control characters and bytes that are not UTF-8 made visible. */
export function printablePath(path: Uint8Array): string {
  return JSON.stringify(Buffer.from(path).toString()).slice(1, -1);
}

/** The bytes of one dump, wherever it lies. */
export async function* dumpBytes(
  reading: ArchiveReading,
  unit: DumpRecord,
  onBytes?: (sizeBytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const part = partOf(reading.manifest, unit.part);
  const plain = plainBytes(reading, part, onBytes);
  if (unit.path === null) {
    yield* plain;
    return;
  }
  const arrived: Uint8Array[] = [];
  const collect: TarVisitor = { ...ignored, write: (bytes) => void arrived.push(bytes) };
  const units = unitsOf(reading.manifest, part);
  const tar = new TarReader(new MemberRouter({ units, visitor: (candidate) => (candidate === unit ? collect : undefined) }));
  try {
    for await (const chunk of plain) {
      await tar.push(chunk);
      yield* arrived.splice(0);
    }
    tar.end();
  } catch (error) {
    throw corrupt(part, error);
  }
}

/** Reads a tar part to its end, giving each tree's entries to the visitor chosen for it. */
export async function readTrees(
  reading: ArchiveReading,
  part: Part,
  options: { readonly visitor: (unit: TreeRecord) => TarVisitor | undefined; readonly onBytes?: (sizeBytes: number) => void },
): Promise<void> {
  const visitor = (unit: UnitRecord): TarVisitor | undefined => (unit.content === 'tree' ? options.visitor(unit) : undefined);
  const tar = new TarReader(new MemberRouter({ units: unitsOf(reading.manifest, part), visitor }));
  try {
    for await (const chunk of plainBytes(reading, part, options.onBytes)) await tar.push(chunk);
    tar.end();
  } catch (error) {
    throw corrupt(part, error);
  }
}
