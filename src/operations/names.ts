import type { CompressionKind, Encryption, Layout } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { Unit } from '../ports/source.ts';
import { formats } from '../pipeline/codecs.ts';

/** One stored archive and the units that go into it. */
export interface PartLayout {
  readonly name: string;
  readonly units: readonly NamedUnit[];
}

export interface NamedUnit {
  readonly unit: Unit;
  /** Name of its source in the plan, and the kind. */
  readonly source: { readonly name: string; readonly kind: string };
  /** In a bundle, the member path of a dump. */
  readonly path: string | null;
}

export interface SnapshotNames {
  readonly id: string;
  readonly createdAt: Date;
  readonly parts: readonly PartLayout[];
  /** Null when no unit is a tree. */
  readonly contents: string | null;
}

type SourcedUnit = Omit<NamedUnit, 'path'>;

/** All names that a snapshot taken at this moment would use. Pure: the caller looks whether they are free. */
export function snapshotNames(plan: Plan, units: readonly SourcedUnit[], createdAt: Date): SnapshotNames {
  const stamp = timestamp(createdAt);
  const id = `${plan.name}-${stamp.replace('_', '-')}`;
  const suffix = formats[plan.compression.kind].extension + (plan.encryption === null ? '' : '.age');
  const build: Record<Layout, () => PartLayout[]> = {
    bundle: () => [{ name: `${baseName(plan, { name: plan.name, prefix: plan.name }, stamp)}.tar${suffix}`, units: bundled(units) }],
    separate: () => separateParts(plan, units, { stamp, suffix }),
  };
  const hasTree = units.some(({ unit }) => unit.content === 'tree');
  return { id, createdAt, parts: build[plan.layout](), contents: hasTree ? `${id}.contents.jsonl${suffix}` : null };
}

function separateParts(
  plan: Plan,
  units: readonly SourcedUnit[],
  names: { readonly stamp: string; readonly suffix: string },
): PartLayout[] {
  const taken = new Set<string>();
  return units.map((sourced) => {
    const { unit } = sourced;
    const base = baseName(plan, { name: safeName(unit.name), prefix: unit.prefix }, names.stamp);
    const name = distinctName({ base, extension: unit.content === 'dump' ? unit.extension : 'tar' }, taken);
    return { name: name + names.suffix, units: [{ ...sourced, path: null }] };
  });
}

function bundled(units: readonly SourcedUnit[]): NamedUnit[] {
  const taken = new Set<string>();
  return units.map((sourced) => {
    const { unit } = sourced;
    if (unit.content === 'tree') return { ...sourced, path: null };
    return { ...sourced, path: distinctName({ base: `${unit.folder}/${safeName(unit.name)}`, extension: unit.extension }, taken) };
  });
}

/**
 * `app.sql`, or the first of `app.2.sql`, `app.3.sql`, … that is not taken: names that differ may be one as file names, and
 * many file systems tell no upper from lower case. What is returned is taken from then on.
 */
export function distinctName({ base, extension }: { readonly base: string; readonly extension: string }, taken: Set<string>): string {
  for (let count = 1; ; count++) {
    const name = `${base}${count === 1 ? '' : `.${count}`}.${extension}`;
    if (taken.has(name.toLowerCase())) continue;
    taken.add(name.toLowerCase());
    return name;
  }
}

function baseName(plan: Plan, values: { readonly name: string; readonly prefix: string }, stamp: string): string {
  return plan.fileName
    .replaceAll('{plan}', plan.name)
    .replaceAll('{name}', values.name)
    .replaceAll('{prefix}', values.prefix)
    .replaceAll('{timestamp}', stamp);
}

/** `YYYYMMDD_HHMMSS` in UTC, so that a clock change of the time zone can neither repeat nor skip a name. */
export function timestamp(at: Date): string {
  return at.toISOString().slice(0, 19).replaceAll('-', '').replaceAll(':', '').replace('T', '_');
}

/** What a database or folder is called in a file name: letters, digits, `.`, `_`, `-`; at most 80 characters. */
export function safeName(name: string): string {
  const safe = name
    .replaceAll(/[^A-Za-z0-9._-]+/g, '_')
    .replace(/^[.-]+/, '_')
    .slice(0, 80);
  return safe === '' ? 'unnamed' : safe;
}

/** Stored name to the pipeline that prints its plain bytes. */
export function plainBytesCommand(partName: string, compression: CompressionKind, encryption: Encryption | null): string {
  const { decompressCommand } = formats[compression];
  const open = encryption === null ? '' : `age -d${encryption.passphrase ? '' : ' -i KEY_FILE'} ${partName}`;
  if (open === '') return decompressCommand === '' ? `cat ${partName}` : `${decompressCommand} ${partName}`;
  return decompressCommand === '' ? open : `${open} | ${decompressCommand}`;
}
