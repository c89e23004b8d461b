import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { Insertable, Selectable } from 'kysely';
import type { Manifest, Part } from '../domain/manifest.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { RunTrigger } from '../domain/run-request.ts';
import { snapshotSizeBytes } from '../domain/snapshot.ts';
import type { Snapshot, SnapshotSummary, Verification } from '../domain/snapshot.ts';
import type { Deletion, Run, RunEnd, RunFigures, SnapshotFacts, Verb } from '../ports/history.ts';
import type { DeletionsTable, RunsTable, SnapshotsTable } from './schema.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
// Digests do not compress, names do: the quickest level gets nearly all there is. Small ones are not worth a decompressor each.
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const compressedFromBytes = 16_384;
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

async function packUnits(units: Manifest['units']): Promise<Uint8Array> {
  const json = Buffer.from(JSON.stringify(units));
  return json.length < compressedFromBytes ? json : compress(json, compression);
}

export async function unpackUnits(stored: Uint8Array): Promise<Manifest['units']> {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const json = bytes.subarray(0, zstdMagic.length).equals(zstdMagic) ? await decompress(bytes) : bytes;
  return JSON.parse(json.toString()) as Manifest['units'];
}

export function runOf(row: Selectable<RunsTable>): Run {
  return {
    id: String(row.number),
    key: row.key,
    trigger: JSON.parse(row.trigger) as RunTrigger,
    verb: row.verb as Verb,
    plan: row.plan,
    startedAt: new Date(row.started_at),
    end: endOf(row),
  };
}

function endOf(row: Selectable<RunsTable>): RunEnd | null {
  if (row.ended_at === null) return null;
  return {
    endedAt: new Date(row.ended_at),
    outcome: row.outcome as Outcome,
    snapshotId: row.snapshot_id,
    error: row.error === null ? null : (JSON.parse(row.error) as RunEnd['error']),
    details: JSON.parse(row.details ?? '{}') as RunEnd['details'],
  };
}

export function figuresOf(
  row: Pick<Selectable<RunsTable>, 'verb' | 'started_at' | 'outcome' | 'duration_ms' | 'size_bytes' | 'details'>,
): RunFigures {
  return {
    verb: row.verb as RunFigures['verb'],
    startedAt: row.started_at,
    outcome: row.outcome as Outcome,
    durationMs: row.duration_ms ?? 0,
    sizeBytes: row.size_bytes,
    details: JSON.parse(row.details ?? '{}') as RunEnd['details'],
  };
}

/** What is told of an ended run in columns of its own. */
export function endColumns({
  startedAt,
  endedAt,
  error,
  details,
}: {
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly error: { readonly message: string } | null;
  readonly details: Readonly<Record<string, unknown>>;
}) {
  const { parts, sizeBytes } = details;
  const archive: unknown = Array.isArray(parts) ? parts.find((part: Partial<Part> | null) => part?.role === 'archive') : undefined;
  return {
    file_name: (archive as Part | undefined)?.name ?? null,
    size_bytes: typeof sizeBytes === 'number' ? sizeBytes : null,
    duration_ms: Math.max(0, endedAt.getTime() - startedAt.getTime()),
    error_message: error === null ? null : plainText(error.message),
  };
}

/** As every database takes it: PostgreSQL refuses text with a NUL. */
function plainText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u{fffd}');
}

export async function rowOfSnapshot({
  store,
  manifest,
  manifestSha256,
}: Omit<Snapshot, 'verification'>): Promise<Selectable<SnapshotsTable>> {
  const { units, ...summary } = manifest;
  return {
    store,
    id: manifest.id,
    plan: manifest.plan,
    manifest_sha256: manifestSha256,
    ...factColumns(manifest),
    verification: null,
    summary: JSON.stringify(summary),
    units: await packUnits(units),
  };
}

/** What lists need of a manifest. */
export function factColumns(manifest: Manifest) {
  const { sequence, createdAt, outcome, description, encryption } = manifest;
  return {
    sequence,
    created_at: createdAt,
    outcome,
    size_bytes: snapshotSizeBytes(manifest),
    description: description === null ? null : plainText(description),
    encrypted: encryption === null ? 0 : 1,
    files: JSON.stringify(filesOf(manifest)),
  };
}

function filesOf({ parts, units }: Manifest): SnapshotFacts['files'] {
  return parts
    .filter(({ role }) => role === 'archive')
    .map(({ name, sizeBytes }) => {
      const dumps = units.filter((unit) => unit.part === name && unit.content === 'dump' && unit.dump.scope === 'database');
      const dump = dumps.length === 1 && dumps[0]?.content === 'dump' ? dumps[0].dump : null;
      return { name, sizeBytes, database: dump?.database ?? null, host: dump?.host ?? null };
    });
}

export async function snapshotOf(row: Parameters<typeof summaryOf>[0] & Pick<SnapshotsTable, 'units'>): Promise<Snapshot> {
  const summary = summaryOf(row);
  return { ...summary, manifest: { ...summary.manifest, units: await unpackUnits(row.units) } };
}

export function summaryOf(
  row: Pick<Selectable<SnapshotsTable>, 'store' | 'manifest_sha256' | 'verification' | 'summary'>,
): SnapshotSummary {
  return {
    store: row.store,
    manifest: JSON.parse(row.summary) as SnapshotSummary['manifest'],
    manifestSha256: row.manifest_sha256,
    verification: verificationOf(row.verification),
  };
}

export function factsOf(row: Omit<Selectable<SnapshotsTable>, 'manifest_sha256' | 'summary' | 'units'>): SnapshotFacts {
  return {
    store: row.store,
    id: row.id,
    plan: row.plan,
    sequence: row.sequence,
    createdAt: row.created_at,
    outcome: row.outcome as SnapshotFacts['outcome'],
    sizeBytes: row.size_bytes,
    description: row.description,
    encrypted: row.encrypted === 1,
    verification: verificationOf(row.verification),
    files: JSON.parse(row.files) as SnapshotFacts['files'],
  };
}

export function verificationOf(text: string | null): Verification {
  if (text === null) return { kind: 'unverified' };
  const stored = JSON.parse(text) as Exclude<Verification, { kind: 'unverified' }>;
  return { ...stored, at: new Date(stored.at) };
}

export function deletionOf(row: Selectable<DeletionsTable>): Deletion {
  return {
    key: { store: row.store, id: row.snapshot_id },
    plan: row.plan,
    at: new Date(row.at),
    phase: row.phase as Deletion['phase'],
    reason: row.reason,
  };
}

export function rowOfDeletion({ key, plan, at, phase, reason }: Deletion): Insertable<DeletionsTable> {
  const instant = at.toISOString();
  return {
    store: key.store,
    snapshot_id: key.id,
    plan,
    at: instant,
    phase,
    reason: plainText(reason),
    record_key: JSON.stringify([key.store, key.id, plan, instant, phase]),
  };
}
