import type { Plan } from '../domain/plan.ts';
import type { Principal } from '../domain/principal.ts';
import type { ServiceSettings } from '../domain/service-settings.ts';
import type { OperationContext } from '../operations/context.ts';
import type { RunQueue } from '../ports/runner.ts';
import type { ServiceState } from '../ports/service-state.ts';
import type { ScheduledVerb } from '../domain/due.ts';
import type { Status, StoreState } from './contract.ts';
import type { Listings } from './listings.ts';

/** What routes are given; `src/serve.ts` puts it together. */
export interface ApiContext {
  readonly plans: ReadonlyMap<string, Plan>;
  readonly settings: ServiceSettings;
  readonly world: OperationContext;
  readonly state: ServiceState;
  readonly queue: RunQueue;
  readonly board: StatusBoard;
  readonly listings: Listings;
  /** Next times of one schedule, jitter included, with the reason in words. */
  preview(plan: Plan, verb: ScheduledVerb, from: Date, count: number): readonly { readonly at: Date; readonly why: string }[];
  /** The effective configuration, secrets redacted. */
  shownConfiguration(): Promise<unknown>;
  /** Sends a test event to every channel of the plan; the answer says how each went. */
  testChannels(plan: string, by: Principal): Promise<readonly { readonly channel: string; readonly error: string | null }[]>;
  /** Channels of all plans as configured: `name`, `kind`, `place`, `events`. */
  channels(): readonly {
    readonly plan: string;
    readonly name: string;
    readonly kind: string;
    readonly place: string;
    readonly events: readonly string[];
  }[];
}

/**
 * The answer to "is my data safe", kept at hand: worked out anew when the history's revision changed, a run changed, or 30 s
 * went by, never within a request. Stores are asked for space every 5 minutes and after each run.
 */
export interface StatusBoard {
  status(): Status;
  stores(): readonly StoreState[];
  /** Writes to a store, reads back and removes it, and tells what was found. Throws `NOT_FOUND`. */
  probe(store: string): Promise<StoreState>;
  subscribe(listener: (status: Status) => void): () => void;
}
