import type { ToldError } from '../domain/errors.ts';
import type { EventKind, EventRun, HoldfastEvent } from '../domain/events.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Verb } from '../ports/history.ts';

/** A run that began, or ended. */
export interface RunNews {
  readonly key: string;
  readonly verb: Verb;
  readonly plan: string | null;
  readonly at: Date;
  /** Null when it has only begun. */
  readonly end: {
    readonly outcome: Outcome;
    readonly snapshotId: string | null;
    readonly error: ToldError | null;
    readonly details: Readonly<Record<string, unknown>>;
    /** Null of one that died: nobody saw when. */
    readonly durationMs: number | null;
  } | null;
  /** When the newest verified snapshot of the plan was made; null when there is none. */
  readonly newestVerifiedAt: Date | null;
}

type Ended = NonNullable<RunNews['end']>;

/** Verbs that somebody is told of: what else runs is an act of a person, who sees how it ends. */
const names: Partial<Record<Verb, string>> = {
  backup: 'Backup',
  verify: 'Verification',
  drill: 'Drill',
  restore: 'Restore',
  expire: 'Expiry',
};

/** What those who want to be told learn of a run; null when there is nothing to tell, as when a person ended it. */
export function eventOfRun(news: RunNews): HoldfastEvent | null {
  const kind = kindOf(news);
  if (kind === null) return null;
  const { plan, at, verb, end, newestVerifiedAt } = news;
  const isProblem = end !== null && end.outcome !== 'succeeded';
  const name = plan === null ? (names[verb] ?? verb) : `${names[verb] ?? verb} of ${plan}`;
  return {
    kind,
    plan,
    at,
    severity: end?.outcome === 'failed' && kind !== 'backup-skipped' ? 'critical' : isProblem ? 'warning' : 'info',
    subject: subjectOf(news),
    title: titleOf(name, kind, end),
    message: messageOf(name, kind, end),
    action: isProblem ? actionOf(end) : null,
    atRiskSince: isProblem ? newestVerifiedAt : null,
    run: runOf(news),
  };
}

/** Each store's copies stand for themselves: that one is sound ends no trouble with another. */
function subjectOf({ verb, end }: RunNews): string {
  const store = end?.details['store'];
  return verb === 'verify' && typeof store === 'string' ? `verify:${store}` : verb;
}

function kindOf({ verb, end }: RunNews): EventKind | null {
  if (verb === 'copy' || verb === 'delete' || verb === 'rescue') return null;
  if (end === null) return verb === 'backup' ? 'backup-started' : null;
  if (end.outcome === 'cancelled') return null;
  if (verb === 'backup') {
    if (end.outcome === 'skipped' || end.error?.code === 'LOCK_HELD') return 'backup-skipped';
    return `backup-${end.outcome}`;
  }
  if (end.outcome === 'skipped') return null;
  return end.outcome === 'succeeded' ? `${verb}-succeeded` : `${verb}-failed`;
}

const titles: Partial<Record<EventKind, string>> = {
  'backup-started': 'began',
  'backup-skipped': 'was skipped',
  'backup-degraded': 'is not complete',
};

function titleOf(name: string, kind: EventKind, end: Ended | null): string {
  const what = titles[kind] ?? (kind.endsWith('-succeeded') ? 'succeeded' : 'failed');
  const error = end?.error ?? null;
  return error === null ? `${name} ${what}` : `${name} ${what}: ${oneLine(error.message)}`;
}

function messageOf(name: string, kind: EventKind, end: Ended | null): string {
  const error = end?.error ?? null;
  if (error !== null) return error.message;
  const snapshotId = end?.snapshotId ?? null;
  if (kind === 'backup-degraded')
    return `${name} made snapshot ${snapshotId}, which does not count as proof: something was lost or a copy failed`;
  return `${titleOf(name, kind, end)}${snapshotId === null ? '' : ` (${snapshotId})`}`;
}

function actionOf({ error, snapshotId }: Ended): string | null {
  if (error !== null) return error.hint;
  return snapshotId === null ? null : `See what is missing: holdfast show ${snapshotId}`;
}

/** Titles stand in subjects of e-mails and in headers. */
function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ').trim();
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
}

function runOf({ key, verb, end }: RunNews): EventRun {
  const { parts, sizeBytes } = (end?.details ?? {}) as { readonly parts?: unknown; readonly sizeBytes?: unknown };
  return {
    key,
    verb,
    outcome: end?.outcome ?? null,
    snapshotId: end?.snapshotId ?? null,
    file: firstArchive(parts),
    sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : null,
    durationMs: end?.durationMs ?? null,
    error: end?.error ?? null,
  };
}

function firstArchive(parts: unknown): string | null {
  if (!Array.isArray(parts)) return null;
  const archives = parts as readonly { readonly name?: unknown; readonly role?: unknown }[];
  const name = archives.find(({ role }) => role === 'archive')?.name;
  return typeof name === 'string' ? name : null;
}
