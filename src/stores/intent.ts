import { HoldfastError } from '../domain/errors.ts';
import { checkPartName } from './archive-names.ts';

const intentFormat = 'holdfast-intent';

/** What a run is about to do to a store's objects, written before it does it, so that a dead run's remains can be told. */
export interface Intent {
  readonly format: typeof intentFormat;
  readonly version: 1;
  readonly verb: 'backup' | 'remove';
  readonly id: string;
  readonly plan: string;
  /** Which copy of Holdfast announced it: only that one can know at once that the run is dead. */
  readonly installation: string;
  /** UTC, ISO 8601. */
  readonly startedAt: string;
  readonly partNames: readonly string[];
}

export function newIntent(intent: Omit<Intent, 'format' | 'version'>): Intent {
  return { format: intentFormat, version: 1, ...intent };
}

export function encodeIntent(intent: Intent): Uint8Array {
  return Buffer.from(`${JSON.stringify(intent, null, 2)}\n`);
}

/** Throws `MANIFEST_INVALID` unless every field is right and every part name is one that a part may have. */
export function decodeIntent(bytes: Uint8Array, where: string): Intent {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isIntent(value)) {
      value.partNames.forEach(checkPartName);
      return value;
    }
  } catch (cause) {
    throw invalid(where, cause);
  }
  throw invalid(where);
}

function isIntent(value: unknown): value is Intent {
  if (typeof value !== 'object' || value === null) return false;
  const { format, version, verb, id, plan, installation, startedAt, partNames } = value as Partial<Record<keyof Intent, unknown>>;
  return (
    format === intentFormat &&
    version === 1 &&
    (verb === 'backup' || verb === 'remove') &&
    [id, plan, installation, startedAt].every((field) => typeof field === 'string') &&
    !Number.isNaN(Date.parse(startedAt as string)) &&
    Array.isArray(partNames) &&
    partNames.every((name) => typeof name === 'string')
  );
}

function invalid(where: string, cause?: unknown): HoldfastError {
  return new HoldfastError('MANIFEST_INVALID', `Cannot read the announcement "${where}"`, {
    hint: 'Look at the file; if no run that it could belong to goes on, remove it and the parts that it names',
    cause,
  });
}
