import type { DumpRecord, Manifest, TreeRecord } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { CompareDepth } from '../ports/dump-engine.ts';
import type { Store } from '../ports/store.ts';
import type { OperationContext } from './context.ts';
import type { ArchiveReading } from './read-archive.ts';
import type { Destination } from './restore-moves.ts';
import type { Selection } from './restore-selection.ts';

export interface RestoreRequest {
  readonly store: Store;
  readonly snapshot: Snapshot;
  /** Null when the plan is not configured any more: then nothing can go in place. */
  readonly plan: Plan | null;
  readonly destination: Destination;
  /** Databases, tables, paths; empty for everything. */
  readonly only: readonly string[];
  /** How closely databases are compared with the manifest before they are put into place; files always to the byte. */
  readonly compare: CompareDepth;
  readonly signal: AbortSignal;
}

export interface RestoreDetails {
  readonly databases: readonly RestoredDatabase[];
  readonly files: RestoredFiles | null;
  readonly remarks: readonly string[];
}

export interface RestoredDatabase {
  readonly database: string;
  readonly location: string;
  /** Tables compared with the manifest before the swap, and how. */
  readonly tables: number;
  readonly compared: CompareDepth;
  readonly rows: number;
  /** Tables whose rows were left out of the backup on purpose, as `SCHEMA.TABLE`: they are there, and empty. */
  readonly withoutRows: readonly string[];
  /** Where the replaced database is now; null when there was none. */
  readonly oldName: string | null;
  /** For single tables: the schema they were put into. */
  readonly schema: string | null;
}

export interface RestoredFiles {
  readonly entries: number;
  readonly places: readonly { readonly path: string; readonly kept: string | null }[];
}

/** A restore under way, as its parts see it. */
export interface Restoring {
  readonly request: RestoreRequest;
  readonly context: OperationContext;
  readonly selection: Selection;
  readonly reading: ArchiveReading;
  readonly remarks: string[];
}

export function treesOf(manifest: Manifest): TreeRecord[] {
  return manifest.units.filter((unit): unit is TreeRecord => unit.content === 'tree');
}

export function restoredDiffers(unit: DumpRecord | TreeRecord, findings: readonly string[]): HoldfastError {
  return new HoldfastError(
    'DRILL_DIFFERS',
    `Restored "${unit.name}" is not what was backed up, so nothing was replaced: ${findings.slice(0, 5).join('; ')}`,
    {
      hint: 'Try an older snapshot: holdfast list',
      details: { findings },
    },
  );
}
