import type { ZodType } from 'zod';
import type { Secret } from '../domain/secret.ts';
import type { DumpEngine } from './dump-engine.ts';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { ObjectStore } from './object-store.ts';
import type { Source } from './source.ts';

/** What every adapter is handed when it is opened: the world, passed in. */
export interface OpenContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface SourceContext extends OpenContext {
  /** The name that the plan gives the source: it names the folder of a bundle. */
  readonly name: string;
  /**
   * Absolute paths of what Holdfast itself writes on this machine: its data directory and the plan's stores. A source leaves
   * them out, and says so. Archives would hold archives; and reading a lock's file lets go of the lock (see `PlanLock`).
   */
  readonly ownDirectories: readonly string[];
}

/**
 * A variable that sets one key of a kind when there is no configuration file (`BACKUP_FILES` sets `paths` of `files`).
 * For a `secretText` key the variable's name with `_FILE` appended is accepted too, naming a file that holds the value.
 */
export interface EnvironmentSetting {
  readonly variable: string;
  /** Key of the kind's schema; null when the adapter reads the variable itself (`PGHOST`). */
  readonly key: string | null;
  /** `names` are separated by commas or spaces (`all` alone stays a word), `paths` by colons. */
  readonly format: 'text' | 'number' | 'flag' | 'names' | 'paths';
  /** True when setting it alone asks for a source or store of this kind. */
  readonly asks: boolean;
}

/** All that Holdfast knows of a kind of source. Config checks, the JSON Schema and the reference page derive from it. */
export interface SourceDescriptor<Config = unknown> {
  readonly kind: string;
  readonly title: string;
  /**
   * The source's keys in the plan, without `kind` and `name`. Secret values are `secretText` fields: config resolves them
   * before validation, so the schema sees `Secret` objects.
   */
  readonly schema: ZodType<Config>;
  /** Name of the source when the plan gives none. */
  defaultName(config: Config): string;
  /** Names of the units it will yield, or null when only the system read can tell. Absent: one unit, named like the source. */
  unitNames?(config: Config): readonly string[] | null;
  readonly environment?: readonly EnvironmentSetting[];
  /** Opens nothing yet: connecting and finding tools happen in `units`. */
  open(config: Config, context: SourceContext): Source;
  /** For sources that yield dumps: how those are read again, drilled and restored. */
  readonly dumpEngine?: { readonly engine: string; open(context: OpenContext): Promise<DumpEngine> };
  /** URL of the live database that a dump unit of this source was read from, for a restore in place; null when it cannot be reached by URL. */
  liveDatabase?(config: Config, database: string, context: OpenContext): Secret | null;
}

/** All that Holdfast knows of a kind of store. */
export interface StoreDescriptor<Config = unknown> {
  readonly kind: string;
  readonly title: string;
  readonly schema: ZodType<Config>;
  /** Identifies the place, so that two plans naming the same one share its name: an absolute path, a URL without secrets. */
  location(config: Config): string;
  /** Directory of this machine that holds the store; absent for stores elsewhere. */
  directory?(config: Config): string;
  readonly environment?: readonly EnvironmentSetting[];
  open(config: Config, context: OpenContext): Promise<ObjectStore>;
}
