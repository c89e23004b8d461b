import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { DumpRecord, Manifest, Part, TreeRecord, UnitRecord } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { Snapshot, Verification, VerifyDepth } from '../domain/snapshot.ts';
import type { ListedEntry, TreeEntry } from '../domain/tree-entry.ts';
import { ListingReader } from '../pipeline/contents-listing.ts';
import { encodeManifest } from '../pipeline/manifest-codec.ts';
import { HoleFiller } from '../pipeline/hole-filler.ts';
import { TarReader } from '../pipeline/tar-reader.ts';
import type { TarVisitor } from '../pipeline/tar-reader.ts';
import type { ScannedDump } from '../ports/dump-engine.ts';
import type { Cipher } from '../ports/cipher.ts';
import type { SnapshotKey } from '../ports/history.ts';
import type { Store } from '../ports/store.ts';
import { cipherFor, type OperationContext } from './context.ts';
import { MemberRouter, corrupt, isTar, plainBytes, printablePath, storedBytes, unitsOf, type ArchiveReading } from './read-archive.ts';
import { tolerateHistory } from './record-run.ts';
import { unsealManifest } from './seal.ts';

export interface VerifyReport {
  readonly snapshotId: string;
  readonly store: string;
  readonly outcome: 'passed' | 'failed';
  /** How deep it really went: an encrypted snapshot whose key is not here can only be `present`. */
  readonly depth: VerifyDepth;
  /** Each says what is wrong and where; empty when it passed. */
  readonly findings: readonly string[];
  /** What could not be looked at, and why. */
  readonly remarks: readonly string[];
  readonly durationMs: number;
}

interface VerifyRequest {
  readonly store: Store;
  readonly snapshot: Snapshot;
  readonly depth: Exclude<VerifyDepth, 'drilled'>;
  /** Gives the keys; null when the plan is not configured any more. */
  readonly plan: Plan | null;
  readonly signal: AbortSignal;
}

/**
 * Compares stored bytes with the manifest: `present` reads every part and compares size and digest, `readable` also
 * decrypts, decompresses and parses to the end and compares every file's and table's digest. Records the result.
 */
export async function verifySnapshot(context: OperationContext, request: VerifyRequest): Promise<VerifyReport> {
  const started = context.clock.monotonicMs();
  const { store, snapshot } = request;
  const cipher = await cipherFor(snapshot.manifest, request.plan, context);
  const canRead = cipher === null || cipher.canDecrypt;
  const depth = canRead ? request.depth : 'present';
  const remarks =
    depth === request.depth ? [] : ['encrypted, and no key is configured here: only size and digest of the stored bytes were compared'];
  const swapped = await manifestFindings(request);
  const findings = [...swapped, ...(await contentFindings(context, { ...request, depth, cipher, isSwapped: swapped.length > 0 }))];
  const at = context.clock.now();
  const verification: Exclude<Verification, { kind: 'unverified' }> =
    findings.length === 0 ? { kind: 'passed', depth, at } : { kind: 'failed', depth, at, findings };
  await remember(context, { store: store.name, id: snapshot.manifest.id }, verification);
  const durationMs = Math.round(context.clock.monotonicMs() - started);
  return { snapshotId: snapshot.manifest.id, store: store.name, outcome: verification.kind, depth, findings, remarks, durationMs };
}

/** What was found out holds whether or not it can be written down: a restore must not fail for its history. */
export async function remember(
  context: OperationContext,
  key: SnapshotKey,
  verification: Exclude<Verification, { kind: 'unverified' }>,
): Promise<void> {
  try {
    await tolerateHistory(context, () => context.history.recordVerification(key, verification));
  } catch (error) {
    if (!isHoldfastError(error, 'SNAPSHOT_UNKNOWN')) throw error;
    context.log.warn(error.message, { next: error.hint });
  }
}

/** Errors that say "this snapshot is not what it should be"; every other one is a failure of the verification itself. */
const findingCodes = [
  'OBJECT_MISSING',
  'LENGTH_MISMATCH',
  'DIGEST_MISMATCH',
  'ARCHIVE_CORRUPT',
  'MANIFEST_INVALID',
  'MANIFEST_SWAPPED',
  'DUMP_INCOMPLETE',
  'KEY_REJECTED',
] as const;

function asFinding(error: unknown): string {
  if (isHoldfastError(error) && findingCodes.some((code) => error.code === code)) return error.message;
  throw error;
}

/** The stored manifest must still be the one that was recorded when the snapshot was made. */
export async function manifestFindings({
  store,
  snapshot,
  signal,
}: Pick<VerifyRequest, 'store' | 'snapshot' | 'signal'>): Promise<string[]> {
  const { id } = snapshot.manifest;
  try {
    const { sha256 } = await store.readManifest(id, signal);
    if (sha256 === snapshot.manifestSha256) return [];
    return [`The manifest of "${id}" in "${store.location}" is not the one that was written: it was swapped or edited`];
  } catch (error) {
    return [asFinding(error)];
  }
}

interface ContentRequest extends VerifyRequest {
  readonly cipher: Cipher | null;
  readonly isSwapped: boolean;
}

async function contentFindings(context: OperationContext, request: ContentRequest): Promise<string[]> {
  const { store, snapshot, depth, cipher, isSwapped, signal } = request;
  const reading = { store, manifest: snapshot.manifest, cipher, tools: context, signal };
  if (depth === 'present') return await partFindings(context, reading, depth);
  try {
    const manifest = await unsealManifest(snapshot.manifest, cipher);
    return await partFindings(context, { ...reading, manifest }, depth);
  } catch (error) {
    if (!isHoldfastError(error, 'KEY_REJECTED')) return [asFinding(error)];
    // The wrong key says nothing about the snapshot: as long as its bytes are those that were stored, the key is to blame.
    const damage = await partFindings(context, reading, 'present');
    if (damage.length === 0 && !isSwapped) throw error;
    return damage;
  }
}

async function partFindings(context: OperationContext, reading: ArchiveReading, depth: VerifyDepth): Promise<string[]> {
  const { parts, id } = reading.manifest;
  const progress = { doneBytes: 0 };
  const total = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  context.progress.step(`verifying ${id}`, total, () => progress.doneBytes);
  const onBytes = (sizeBytes: number): void => void (progress.doneBytes += sizeBytes);
  const archives = parts.filter((part) => part.role === 'archive');
  const listing = parts.find((part) => part.role === 'contents');
  if (depth === 'present') return await findingsOf(parts, (part) => drain(storedBytes(reading, part, onBytes)));
  await using check = new ContentCheck({ context, reading, listing, onBytes });
  return await check.findings(archives);
}

async function findingsOf(parts: readonly Part[], check: (part: Part) => Promise<void>): Promise<string[]> {
  const findings: string[] = [];
  for (const part of parts) {
    try {
      await check(part);
    } catch (error) {
      findings.push(asFinding(error));
    }
  }
  return findings;
}

async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

interface ContentCheckOptions {
  readonly context: OperationContext;
  readonly reading: ArchiveReading;
  readonly listing: Part | undefined;
  readonly onBytes: (sizeBytes: number) => void;
}

/** Reads all archives to the end beside the contents listing, which has its entries in the same order. */
class ContentCheck implements AsyncDisposable {
  readonly #options: ContentCheckOptions;
  readonly #listing: ListingReader | undefined;
  readonly #found: string[] = [];

  constructor(options: ContentCheckOptions) {
    this.#options = options;
    const { listing, reading, onBytes } = options;
    this.#listing = listing === undefined ? undefined : new ListingReader(plainBytes(reading, listing, onBytes));
  }

  async findings(archives: readonly Part[]): Promise<string[]> {
    const thrown = await findingsOf(archives, (part) => this.#checkArchive(part));
    const { listing } = this.#options;
    if (listing !== undefined) thrown.push(...(await findingsOf([listing], (part) => this.#endOfListing(part, thrown.length > 0))));
    return [...thrown, ...this.#found];
  }

  /** A check that was called off midway has read only a part of the listing. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listing?.close();
  }

  async #checkArchive(part: Part): Promise<void> {
    const { reading, onBytes } = this.#options;
    const plain = plainBytes(reading, part, onBytes);
    try {
      if (isTar(reading.manifest, part)) await this.#checkTar(part, plain);
      else await this.#checkDump(unitsOf(reading.manifest, part)[0] as DumpRecord, plain);
    } catch (error) {
      throw corrupt(part, error);
    }
  }

  async #checkDump(unit: DumpRecord, plain: AsyncIterable<Uint8Array>): Promise<void> {
    const engine = await this.#options.context.openDumpEngine(unit.dump.engine);
    const scanner = engine.scanner();
    for await (const chunk of plain) await scanner.push(chunk);
    this.#compareDump(unit, await scanner.end());
  }

  #compareDump(unit: DumpRecord, scanned: ScannedDump): void {
    const where = `Dump "${unit.name}" in "${unit.part}"`;
    if (scanned.definitionsSha256 !== unit.dump.definitionsSha256)
      this.#found.push(`${where}: the definitions are not those that were dumped`);
    const scannedByName = new Map(scanned.tables.map((table) => [table.copy, table]));
    for (const table of unit.dump.tables) {
      const found = scannedByName.get(table.copy);
      if (found?.sha256 !== table.sha256 || found.rows !== table.rows)
        this.#found.push(
          `${where}: table ${table.schema}.${table.name} has ${found?.rows ?? 'no'} rows, ${table.rows} were dumped, or other content`,
        );
    }
    if (scanned.tables.length !== unit.dump.tables.length)
      this.#found.push(`${where}: ${scanned.tables.length} tables, ${unit.dump.tables.length} were dumped`);
  }

  async #checkTar(part: Part, plain: AsyncIterable<Uint8Array>): Promise<void> {
    const units = unitsOf(this.#options.reading.manifest, part);
    const checks = new Map<UnitRecord, UnitCheck>();
    for (const unit of units) checks.set(unit, await this.#unitCheck(unit));
    const metadata = new MetadataCheck(this.#options.reading.manifest);
    const tar = new TarReader(new MemberRouter({ units, visitor: (unit) => checks.get(unit), metadata }));
    try {
      for await (const chunk of plain) await tar.push(chunk);
      tar.end();
    } catch (error) {
      // So that the damage of this part is not told again of the parts that follow in the listing.
      for (const check of checks.values()) await check.skip();
      throw error;
    }
    for (const check of checks.values()) await check.end();
    if (this.#options.reading.manifest.layout === 'bundle')
      this.#found.push(...metadata.findings().map((finding) => `"${part.name}": ${finding}`));
  }

  async #unitCheck(unit: UnitRecord): Promise<UnitCheck> {
    if (unit.content === 'tree') return new TreeCheck(unit, this.#listing, this.#found);
    const scanner = (await this.#options.context.openDumpEngine(unit.dump.engine)).scanner();
    const nothing = (): undefined => undefined;
    return {
      begin: nothing,
      write: (bytes) => scanner.push(bytes),
      endFile: nothing,
      end: async () => this.#compareDump(unit, await scanner.end()),
      skip: async () => undefined,
    };
  }

  /** All entries must have been met; reading to the end also compares the listing's own digest. */
  async #endOfListing(part: Part, isAfterDamage: boolean): Promise<void> {
    try {
      let left = 0;
      while ((await this.#listing?.next()) !== undefined) left += 1;
      if (left > 0 && !isAfterDamage) this.#found.push(`"${part.name}" lists ${left} entries that the archive does not hold`);
    } catch (error) {
      throw corrupt(part, error);
    }
  }
}

interface UnitCheck extends TarVisitor {
  end(): void | Promise<void>;
  /** The part turned out damaged: passes over what is left of this unit in the listing. */
  skip(): Promise<void>;
}

const sha256OfNothing = createHash('sha256').digest('hex');

/** Compares a tree's entries with the listing, one by one. */
class TreeCheck implements UnitCheck {
  readonly #unit: TreeRecord;
  readonly #listing: ListingReader | undefined;
  readonly #found: string[];
  #seen = 0;
  #listedSha256: string | undefined = sha256OfNothing;
  #file: { readonly listed: ListedEntry; readonly hash: Hash; readonly holes: HoleFiller | undefined } | undefined;

  constructor(unit: TreeRecord, listing: ListingReader | undefined, found: string[]) {
    this.#unit = unit;
    this.#listing = listing;
    this.#found = found;
  }

  async begin(entry: TreeEntry): Promise<void> {
    const listed = await this.#nextListed();
    if (listed === undefined || !isSame(listed, entry))
      throw new Error(`it holds "${printablePath(entry.path)}", which the listing has not at this place`);
    if (entry.type !== 'file') return;
    const holes = entry.extents === undefined ? undefined : new HoleFiller(entry.extents, entry.sizeBytes);
    this.#file = { listed, hash: createHash('sha256'), holes };
  }

  write(bytes: Uint8Array): void {
    if (this.#file === undefined) return;
    const { hash, holes } = this.#file;
    for (const piece of holes?.filled(bytes) ?? [bytes]) hash.update(piece);
  }

  endFile(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    for (const piece of file.holes?.end() ?? []) file.hash.update(piece);
    if (file.hash.digest('hex') !== file.listed.sha256)
      this.#found.push(`File "${printablePath(file.listed.path)}" in "${this.#unit.part}" has other content than was read`);
  }

  /** The digest of this unit's lines is taken at its last one: those of the next unit follow without a gap. */
  async #nextListed(): Promise<ListedEntry | undefined> {
    const listed = await this.#listing?.next();
    this.#seen += 1;
    if (this.#seen === this.#unit.entries) this.#listedSha256 = this.#listing?.unitDigest();
    return listed;
  }

  async skip(): Promise<void> {
    while (this.#seen < this.#unit.entries) await this.#nextListed();
  }

  end(): void {
    if (this.#listedSha256 !== this.#unit.listingSha256)
      this.#found.push(`The contents listing of "${this.#unit.name}" is not the one that was written`);
  }
}

function isSame(listed: ListedEntry, entry: TreeEntry): boolean {
  return (
    Buffer.compare(listed.path, entry.path) === 0 &&
    listed.type === entry.type &&
    listed.sizeBytes === entry.sizeBytes &&
    listed.mode === entry.mode &&
    listed.mtimeNs === entry.mtimeNs &&
    Buffer.compare(listed.linkTarget, entry.linkTarget) === 0
  );
}

/** The copy of the manifest inside a bundle must say what the manifest says, the archive's own digest left out. */
class MetadataCheck implements TarVisitor {
  readonly #expected: Manifest;
  readonly #chunks: Uint8Array[] = [];

  constructor(manifest: Manifest) {
    this.#expected = metadataOf(manifest);
  }

  begin(): void {
    this.#chunks.length = 0;
  }

  write(bytes: Uint8Array): void {
    this.#chunks.push(Buffer.from(bytes));
  }

  endFile(): void {
    // Compared at the end, when it is certain that there was one.
  }

  findings(): string[] {
    const found = parsed(Buffer.concat(this.#chunks).toString());
    return canonical(found) === canonical(this.#expected) ? [] : ['the metadata.json inside is not the manifest beside it'];
  }
}

/** The manifest as it stands inside a bundle: without what is known only when the archive is closed. */
export function bundleMetadata(manifest: Manifest): Uint8Array {
  return encodeManifest(metadataOf(manifest));
}

function metadataOf(manifest: Manifest): Manifest {
  return { ...manifest, finishedAt: manifest.createdAt, parts: [] };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // Then it is no copy of the manifest, which is what the comparison says of it.
    return undefined;
  }
}

/** The same text for the same value, in whatever order its fields stand. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}

/** Throws when the snapshot did not pass, for callers that must not go on with it. */
export function requireVerified(report: VerifyReport): void {
  if (report.outcome === 'passed') return;
  throw new HoldfastError('NOT_VERIFIED', `Cannot use snapshot "${report.snapshotId}": ${report.findings.join('; ')}`, {
    hint: 'Choose an older snapshot that is verified: holdfast list',
    details: { findings: report.findings },
  });
}
