import type { Manifest, UnitRecord } from '../domain/manifest.ts';
import { snapshotSizeBytes } from '../domain/snapshot.ts';
import type { Found } from '../operations/choose.ts';
import type { ApiSnapshotDetail } from './contract.ts';
import { presentVerification } from './present.ts';

/** A snapshot with all its copies. `manifest` is opened where its key is at hand. */
export function presentSnapshot(copies: readonly [Found, ...Found[]], manifest: Manifest): ApiSnapshotDetail {
  const [{ snapshot }] = copies;
  const { id, plan, sequence, outcome, description, parts, issues, host, holdfast } = manifest;
  return {
    id,
    plan,
    store: snapshot.store,
    createdAt: new Date(manifest.createdAt).toISOString(),
    sequence,
    outcome,
    sizeBytes: snapshotSizeBytes(manifest),
    verification: presentVerification(snapshot.verification),
    description,
    encrypted: manifest.encryption !== null,
    stores: copies.map((copy) => ({ store: copy.planStore.name, verification: presentVerification(copy.snapshot.verification) })),
    units: manifest.units.map(presentUnit),
    parts: parts.map((part) => ({ ...part })),
    issues: issues.map((issue) => ({ ...issue })),
    restore: [...manifest.restore],
    host,
    holdfast,
  };
}

function presentUnit(unit: UnitRecord): ApiSnapshotDetail['units'][number] {
  const { name, content, source, sizeBytes, part } = unit;
  const dump = unit.content === 'dump' ? unit.dump : null;
  return {
    name,
    content,
    source,
    sizeBytes,
    part,
    database: dump?.database ?? null,
    host: dump?.host ?? null,
    tables: dump?.tables.length ?? null,
    rows: dump?.tables.reduce((sum, { rows }) => sum + rows, 0) ?? null,
    files: unit.content === 'tree' ? unit.counts.files : null,
  };
}
