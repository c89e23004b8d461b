import type { Outcome } from './outcome.ts';

/** Everything that somebody may want to be told. `docs/monitoring.md` lists them; channels subscribe by kind or by group. */
export const eventKinds = [
  'backup-started',
  'backup-succeeded',
  'backup-degraded',
  'backup-failed',
  'backup-skipped',
  'verify-succeeded',
  'verify-failed',
  'drill-succeeded',
  'drill-failed',
  'restore-succeeded',
  'restore-failed',
  'expire-succeeded',
  'expire-failed',
  'schedule-missed',
  'overdue',
  'store-unreachable',
  'store-low',
  'history-unreachable',
  'clock-changed',
  'sign-in-locked',
  'channel-failing',
  'recovered',
  'test',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** Words for `events:` in a plan beside single kinds. `problems` is the default, and carries `recovered` for each of them. */
export const eventGroups = {
  problems: [
    'backup-degraded',
    'backup-failed',
    'verify-failed',
    'drill-failed',
    'restore-failed',
    'expire-failed',
    'schedule-missed',
    'overdue',
    'store-unreachable',
    'store-low',
    'history-unreachable',
    'clock-changed',
    'sign-in-locked',
    'channel-failing',
    'recovered',
    'test',
  ],
  successes: ['backup-succeeded', 'verify-succeeded', 'drill-succeeded', 'restore-succeeded', 'expire-succeeded', 'test'],
  starts: ['backup-started'],
  all: eventKinds,
} as const satisfies Record<string, readonly EventKind[]>;
export type EventGroup = keyof typeof eventGroups;

/** Something that happened, in words that hold no secret. */
export interface HoldfastEvent {
  readonly kind: EventKind;
  /** Null for what concerns the whole service. */
  readonly plan: string | null;
  readonly at: Date;
  readonly severity: 'info' | 'warning' | 'critical';
  /** What later events of the same trouble share, and what `recovered` ends: `backup`, `verify`, `overdue`, `store:nas`. */
  readonly subject: string;
  /** One line, no full stop: `Backup of home failed: the drive is full`. */
  readonly title: string;
  /** What went wrong and in which state things are. */
  readonly message: string;
  /** The next action with its command; null when nothing needs doing. */
  readonly action: string | null;
  /** Since when data is at risk: the time of the newest verified snapshot; null when there is none, or nothing is at risk. */
  readonly atRiskSince: Date | null;
  readonly run: EventRun | null;
}

export interface EventRun {
  readonly key: string;
  readonly verb: string;
  readonly outcome: Outcome | null;
  readonly snapshotId: string | null;
  /** First archive of the snapshot. */
  readonly file: string | null;
  readonly sizeBytes: number | null;
  readonly durationMs: number | null;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null;
}
