import type { Manifest } from './manifest.ts';

/** How deep stored bytes were compared with the manifest, shallow to deep. */
export type VerifyDepth = 'present' | 'readable' | 'drilled';
/** @internal */
export const verifyDepths: readonly VerifyDepth[] = ['present', 'readable', 'drilled'];

/** The last word on whether a snapshot's stored bytes are what they should be. */
export type Verification =
  | { readonly kind: 'unverified' }
  | { readonly kind: 'passed'; readonly depth: VerifyDepth; readonly at: Date }
  | { readonly kind: 'failed'; readonly depth: VerifyDepth; readonly at: Date; readonly findings: readonly string[] };

/** One immutable restorable result of a run, in one store, and what is known of it. */
export interface Snapshot {
  readonly store: string;
  readonly manifest: Manifest;
  /** SHA-256 of the manifest's stored bytes, hex: shows a swapped manifest. */
  readonly manifestSha256: string;
  readonly verification: Verification;
}

/** A snapshot without the record of its units, which may list thousands of tables: enough to list, choose and expire. */
export type SnapshotSummary = Omit<Snapshot, 'manifest'> & { readonly manifest: Omit<Manifest, 'units'> };

/**
 * What is known after one more verification. A failure always counts; a pass never hides what a deeper look found, be
 * it a failure or a pass.
 */
export function settledVerification(known: Verification, next: Exclude<Verification, { kind: 'unverified' }>): Verification {
  if (known.kind === 'unverified' || next.kind === 'failed') return next;
  return verifyDepths.indexOf(next.depth) >= verifyDepths.indexOf(known.depth) ? next : known;
}

/** Bytes of all parts as stored. */
export function snapshotSizeBytes(manifest: Pick<Manifest, 'parts'>): number {
  return manifest.parts.reduce((sum, part) => sum + part.sizeBytes, 0);
}

/**
 * Newest first. Within a plan the sequence decides, so a clock that was set back cannot make an old snapshot look new;
 * between plans the time does, read so that it never runs backwards along a plan's sequence.
 */
export function newestFirst<T extends { readonly manifest: Pick<Manifest, 'plan' | 'sequence' | 'createdAt'> }>(
  snapshots: readonly T[],
): T[] {
  const bySequence = snapshots.toSorted((a, b) => a.manifest.sequence - b.manifest.sequence);
  const latest = new Map<string, string>();
  const keyed = bySequence.map((snapshot) => {
    const { plan, createdAt } = snapshot.manifest;
    const before = latest.get(plan) ?? '';
    const effectiveAt = createdAt > before ? createdAt : before;
    latest.set(plan, effectiveAt);
    return { snapshot, effectiveAt };
  });
  return keyed
    .toSorted((a, b) => compare(b.effectiveAt, a.effectiveAt) || b.snapshot.manifest.sequence - a.snapshot.manifest.sequence)
    .map(({ snapshot }) => snapshot);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
