import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { Selectable } from 'kysely';
import type { Manifest } from '../domain/manifest.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { RunTrigger } from '../domain/run-request.ts';
import { snapshotSizeBytes } from '../domain/snapshot.ts';
import type { Snapshot, SnapshotSummary, Verification } from '../domain/snapshot.ts';
import type { Deletion, Run, RunEnd, SnapshotFacts, Verb } from '../ports/history.ts';
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

async function unpackUnits(stored: Uint8Array): Promise<Manifest['units']> {
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
    verification: null,
    summary: JSON.stringify(summary),
    units: await packUnits(units),
  };
}

export async function snapshotOf(row: Selectable<SnapshotsTable>): Promise<Snapshot> {
  const summary = summaryOf(row);
  return { ...summary, manifest: { ...summary.manifest, units: await unpackUnits(row.units) } };
}

export function summaryOf(row: Omit<Selectable<SnapshotsTable>, 'units'>): SnapshotSummary {
  return {
    store: row.store,
    manifest: JSON.parse(row.summary) as SnapshotSummary['manifest'],
    manifestSha256: row.manifest_sha256,
    verification: verificationOf(row.verification),
  };
}

export function factsOf({ store, manifest, verification }: Snapshot): SnapshotFacts {
  const { id, plan, sequence, createdAt, outcome, description, encryption, parts, units } = manifest;
  const archives = parts.filter(({ role }) => role === 'archive');
  return {
    store,
    id,
    plan,
    sequence,
    createdAt,
    outcome,
    description,
    verification,
    sizeBytes: snapshotSizeBytes(manifest),
    encrypted: encryption !== null,
    files: archives.map(({ name, sizeBytes }) => {
      const unit = units.find((candidate) => candidate.part === name && candidate.content === 'dump');
      const dump = unit?.content === 'dump' ? unit.dump : null;
      return { name, sizeBytes, database: dump?.database ?? null, host: dump?.host ?? null };
    }),
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
