import type { CompressionKind } from './manifest.ts';

/** The level that is used when a plan names none: chosen for speed, since a slow backup is one that gets switched off. */
export const defaultLevel: Readonly<Record<CompressionKind, number>> = { none: 0, gzip: 1, zstd: 1 };

/** Lowest and highest level of each kind. */
export const levelRange: Readonly<Record<CompressionKind, { readonly min: number; readonly max: number }>> = {
  none: { min: 0, max: 0 },
  gzip: { min: 1, max: 9 },
  zstd: { min: 1, max: 19 },
};
