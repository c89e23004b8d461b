import type { HoldfastEvent } from '../domain/events.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { ToldError } from '../domain/errors.ts';
import type { Plan, PlanEncryption, PlanSource, PlanStore } from '../domain/plan.ts';
import type { RunTrigger } from '../domain/run-request.ts';
import type { Secret } from '../domain/secret.ts';
import type { ServiceSettings } from '../domain/service-settings.ts';
import type { Codecs } from '../pipeline/codecs.ts';
import type { Cipher } from '../ports/cipher.ts';
import type { Clock } from '../ports/clock.ts';
import type { ContentDigester, Digester } from '../ports/digester.ts';
import type { DumpEngine } from '../ports/dump-engine.ts';
import type { History } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import type { PlanLock } from '../ports/plan-lock.ts';
import type { Progress } from '../ports/progress.ts';
import type { Source } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { TreeTarget } from '../ports/tree-target.ts';

/** Who starts what, and who is told of it. */
export interface Started {
  /** Why the runs of this context are started. */
  readonly trigger: RunTrigger;
  /** A UUID for the next run's record. */
  newRunKey(): string;
  /** Hands on what happened to those who want to be told. A channel that fails is no failure of this. */
  emit(event: HoldfastEvent): Promise<void>;
}

/** The world as operations see it: everything they may ask for, and no adapter. */
export interface OperationContext extends Started {
  readonly clock: Clock;
  readonly log: Log;
  readonly progress: Progress;
  readonly history: History;
  readonly lock: PlanLock;
  /** Name of this machine, for manifests. */
  readonly host: string;
  /** Version of Holdfast, for manifests. */
  readonly version: string;
  /** True for root: files get back the owners they had. */
  readonly canSetOwners: boolean;
  /** A secret by reference (`${env:TARGET_URL}`). Throws `SECRET_MISSING` when it leads nowhere, or is no reference. */
  resolveReference(text: string): Promise<Secret>;
  openSource(source: PlanSource, plan: Plan): Source;
  /** Absolute paths of what Holdfast itself writes on this machine: its data directory, and the stores given. */
  ownDirectories(stores: readonly PlanStore[]): readonly string[];
  openStore(store: PlanStore): Promise<Store>;
  /** Null for a plan that does not encrypt. */
  openCipher(encryption: PlanEncryption | null): Promise<Cipher | null>;
  readonly codecs: Codecs;
  openDigester(): Digester;
  openContentDigester(): ContentDigester;
  /** Throws `MANIFEST_INVALID` for an engine that nothing here knows. */
  openDumpEngine(engine: string): Promise<DumpEngine>;
  openTreeTarget(): Promise<TreeTarget>;
  /**
   * Where a dump of this plan came from: the live database, for a restore in place. Null when the plan no longer names it, or
   * names several of that kind and none of that name: what was read from one server must never be put on another.
   */
  liveDatabase(plan: Plan, dump: { readonly source: string; readonly sourceName: string; readonly database: string }): Secret | null;
}

export interface OpenWorld extends OperationContext, AsyncDisposable {
  /** Why it goes without the history of this machine; null when it has it. */
  readonly historyTrouble: ToldError | null;
}

/** What the configuration says, as doors and operations use it. */
export interface Configuration {
  readonly plans: ReadonlyMap<string, Plan>;
  /** Stores named on the command line, which may belong to no plan. */
  readonly stores: readonly PlanStore[];
  readonly file: string | null;
  /** Null when nothing is configured, and a store alone was named. */
  readonly service: ServiceSettings | null;
  /** Null: a file in the data directory. */
  readonly historyUrl: Secret | null;
  readonly warnings: readonly string[];
}

/** The store of a plan that receives archives; the others get copies. */
export function firstStore(plan: Plan): PlanStore {
  const [store] = plan.stores;
  if (store === undefined) throw new Error(`plan "${plan.name}" has no store`);
  return store;
}

/** The cipher that opens this snapshot; null when it is not encrypted, whatever the plan says today. */
export async function cipherFor(manifest: Manifest, plan: Plan | null, context: OperationContext): Promise<Cipher | null> {
  if (manifest.encryption === null) return null;
  return await context.openCipher(plan?.encryption ?? { kind: 'age', recipients: [], passphrase: null, identities: [] });
}
