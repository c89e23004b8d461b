import type { Verification } from '../domain/snapshot.ts';
import type { Run, SnapshotFacts } from '../ports/history.ts';
import type { LiveRun } from '../ports/runner.ts';
import type { Trouble } from '../ports/service-state.ts';
import type { ApiRun, ApiSnapshot, Status } from './contract.ts';

type ApiVerification = ApiSnapshot['verification'];

export function presentVerification(verification: Verification): ApiVerification {
  if (verification.kind === 'unverified') return { kind: 'unverified', depth: null, at: null, findings: [] };
  const { kind, depth, at } = verification;
  return { kind, depth, at: at.toISOString(), findings: kind === 'failed' ? [...verification.findings] : [] };
}

export function presentSummary({ files: _, verification, ...facts }: SnapshotFacts): ApiSnapshot {
  const { id, plan, store, sequence, outcome, sizeBytes, description, encrypted } = facts;
  const createdAt = new Date(facts.createdAt).toISOString();
  return {
    id,
    plan,
    store,
    createdAt,
    sequence,
    outcome,
    sizeBytes,
    verification: presentVerification(verification),
    description,
    encrypted,
  };
}

/** A run of the history; `live` is the same run as the queue has it. Without either word of an end it goes on. */
export function presentRun(run: Run, live?: LiveRun): ApiRun {
  const { key, verb, plan, startedAt, end, trigger } = run;
  if (end === null && live !== undefined) return { ...presentLive(live), startedAt: startedAt.toISOString() };
  return {
    id: key,
    verb,
    plan,
    state: end === null ? 'running' : 'ended',
    startedAt: startedAt.toISOString(),
    endedAt: end?.endedAt.toISOString() ?? null,
    durationMs: end === null ? null : Math.max(0, end.endedAt.getTime() - startedAt.getTime()),
    outcome: end?.outcome ?? null,
    snapshotId: end?.snapshotId ?? null,
    ...archiveOf(end?.details),
    error: end?.error ?? null,
    trigger: { ...trigger },
    progress: null,
  };
}

/** A run as the queue has it, from the moment it was asked for. */
export function presentLive({ request, state, askedAt, startedAt, progress, report }: LiveRun): ApiRun {
  const { key, verb, plan, trigger } = request;
  const begun = startedAt ?? askedAt;
  return {
    id: key,
    verb,
    plan,
    state,
    startedAt: begun.toISOString(),
    endedAt: report === null ? null : new Date(begun.getTime() + report.durationMs).toISOString(),
    durationMs: report?.durationMs ?? null,
    outcome: report?.outcome ?? null,
    snapshotId: report?.snapshotId ?? null,
    ...archiveOf(report?.details),
    error: report?.error ?? null,
    trigger: { ...trigger },
    progress: progress === null ? null : { ...progress },
  };
}

/** What a backup's own details say of what it stored; other verbs store nothing. */
export function archiveOf(details: unknown): Pick<ApiRun, 'file' | 'sizeBytes'> {
  const { parts, sizeBytes } = (details ?? {}) as { readonly parts?: unknown; readonly sizeBytes?: unknown };
  const archives = Array.isArray(parts) ? (parts as { readonly name?: unknown; readonly role?: unknown }[]) : [];
  const name = archives.find(({ role }) => role === 'archive')?.name;
  return { file: typeof name === 'string' ? name : null, sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : null };
}

export function presentTrouble({ plan, subject, event, since, count }: Trouble): Status['alerts'][number] {
  const { severity, title, message, action } = event;
  return { plan, subject, severity, title, message, action, since: since.toISOString(), count };
}
