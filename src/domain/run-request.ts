import type { VerifyDepth } from './snapshot.ts';

/** Why a run was started, as the history keeps it. */
export interface RunTrigger {
  readonly kind: 'command' | 'schedule' | 'api' | 'dashboard';
  /** `*system` for schedules; the user of the operating system for commands. */
  readonly user: string;
  /** The moment the schedule named, ISO 8601; null for everything that a person started. */
  readonly dueAt: string | null;
}

/** One operation, in plain data: what a queue carries and a worker process is handed. Secrets are never in it. */
export type RunRequest = { readonly key: string; readonly trigger: RunTrigger } & RunWork;

export type RunWork =
  | { readonly verb: 'backup'; readonly plan: string; readonly description: string | null }
  | { readonly verb: 'expire'; readonly plan: string }
  | {
      readonly verb: 'verify';
      readonly plan: string;
      readonly snapshot: string | null;
      readonly store: string | null;
      readonly depth: Exclude<VerifyDepth, 'drilled'>;
      readonly which: 'newest' | 'all';
    }
  | { readonly verb: 'drill'; readonly plan: string; readonly snapshot: string | null }
  | { readonly verb: 'copy'; readonly plan: string; readonly snapshot: string; readonly to: string }
  | { readonly verb: 'delete'; readonly plan: string; readonly snapshot: string; readonly store: string | null }
  | {
      readonly verb: 'restore';
      readonly plan: string;
      readonly snapshot: string;
      readonly store: string | null;
      readonly destination: RequestedDestination;
      readonly only: readonly string[];
    };

/** A database is named by reference (`${env:TARGET_URL}`), never by a URL with a password. */
export type RequestedDestination =
  | { readonly kind: 'in-place' }
  | { readonly kind: 'directory'; readonly directory: string }
  | { readonly kind: 'database'; readonly reference: string };
