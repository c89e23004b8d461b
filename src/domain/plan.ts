import type { MissedPolicy } from './due.ts';
import type { EventKind } from './events.ts';
import type { Compression, Layout } from './manifest.ts';
import type { Secret } from './secret.ts';
import type { VerifyDepth } from './snapshot.ts';

/** What is protected, where it goes, when, how long it is kept, and how it is proven. Validated; secrets resolved lazily. */
export interface Plan {
  /** `[a-z0-9][a-z0-9_-]*`, at most 64 characters: it becomes part of file names. */
  readonly name: string;
  readonly sources: readonly PlanSource[];
  readonly layout: Layout;
  readonly compression: Compression;
  readonly encryption: PlanEncryption | null;
  /** The first receives the archive; the others receive copies of it. */
  readonly stores: readonly PlanStore[];
  /** File name without extension: `{plan}`, `{name}`, `{prefix}` and `{timestamp}` are filled in; `{timestamp}` is required. */
  readonly fileName: string;
  /** Of backups; null: only when asked. */
  readonly schedule: PlanSchedule | null;
  readonly schedules: PlanSchedules;
  /** How deep a run proves what it stored; `none` leaves that to `holdfast verify`. */
  readonly verify: 'none' | Exclude<VerifyDepth, 'drilled'>;
  readonly drill: PlanDrill;
  readonly objectives: Objectives;
  readonly notify: readonly PlanChannel[];
}

export interface PlanSource {
  readonly kind: string;
  /** Unique in the plan; names the folder in a bundle. */
  readonly name: string;
  /** What the source's own schema made of the configuration. */
  readonly config: unknown;
}

export interface PlanStore {
  readonly kind: string;
  /** Unique over all plans with the same kind and place, so that two plans may share one store. */
  readonly name: string;
  readonly config: unknown;
  readonly keep: KeepRules | null;
}

/** age: to recipients (public keys), or to a passphrase. `identities` open it again for verify, drill and restore. */
export interface PlanEncryption {
  readonly kind: 'age';
  readonly recipients: readonly string[];
  readonly passphrase: Secret | null;
  readonly identities: readonly Secret[];
}

/** Which snapshots to keep; a snapshot kept by any rule stays. All in UTC unless `timeZone` says otherwise. */
export interface KeepRules {
  readonly last?: number;
  /** Everything younger than so many days. */
  readonly days?: number;
  readonly daily?: number;
  readonly weekly?: number;
  readonly monthly?: number;
  readonly yearly?: number;
  readonly timeZone?: string;
}

export interface PlanSchedule {
  readonly cron: string;
  /** Null: that of the machine. */
  readonly timeZone: string | null;
  readonly missed: MissedPolicy['kind'];
  /** Of `within` alone: how late a missed time may still be made up for. */
  readonly missedWithinMs: number | null;
  /** Greatest delay, the same at every time, that keeps plans from starting together; 0 for none. */
  readonly jitterMs: number;
}

/** What the service does beside backups; null: only when asked. */
export interface PlanSchedules {
  readonly expire: PlanSchedule | null;
  readonly verify: (PlanSchedule & { readonly depth: Exclude<VerifyDepth, 'drilled'>; readonly which: 'newest' | 'all' }) | null;
  readonly drill: PlanSchedule | null;
}

/** Somebody who is told what happens to the plan. */
export interface PlanChannel {
  readonly kind: string;
  /** Unique in the plan. */
  readonly name: string;
  /** What the channel's own schema made of the configuration. */
  readonly config: unknown;
  /** Groups are spelled out, and what its kind cannot do without is among them. */
  readonly events: readonly EventKind[];
}

export interface PlanDrill {
  readonly every: 'day' | 'week' | 'month' | null;
  /** Per dump engine: a server on which scratch databases may be made, instead of a throw-away one. */
  readonly server: Secret | null;
}

export interface Objectives {
  /** Greatest tolerated age of the newest verified snapshot, in hours. */
  readonly rpoHours: number | null;
  /** Greatest tolerated time to restore, in minutes. */
  readonly rtoMinutes: number | null;
}
