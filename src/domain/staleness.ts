import type { ErrorCode } from './errors.ts';
import { formatAge, formatDuration } from './duration.ts';
import type { Outcome } from './outcome.ts';
import type { Objectives, PlanDrill } from './plan.ts';
import { bySequence, counts, newestCounting } from './retention.ts';
import type { Verification } from './snapshot.ts';

/** Whether a plan protects what it promises to: `critical` when it does not, `warning` when it soon may not. */
export interface Health {
  readonly kind: 'healthy' | 'warning' | 'critical';
  /** Worst first; empty when healthy. */
  readonly reasons: readonly HealthReason[];
}

export interface HealthReason {
  readonly severity: 'warning' | 'critical';
  /** For readers of `--json`; these words do not change. */
  readonly code:
    | 'no-snapshot'
    | 'no-verified-snapshot'
    | 'too-old'
    | 'store-behind'
    | 'snapshot-degraded'
    | 'snapshot-unverified'
    | 'snapshot-damaged'
    | 'run-failed'
    | 'run-died'
    | 'run-degraded'
    | 'run-missed'
    | 'drill-failed'
    | 'drill-overdue'
    | 'restore-too-slow';
  /** What is wrong, without a full stop. */
  readonly message: string;
  /** The next action, with the command to run. */
  readonly action: string;
}

/** A snapshot in one of the plan's stores. */
export interface HealthSnapshot {
  readonly id: string;
  readonly store: string;
  readonly sequence: number;
  readonly createdAt: Date;
  readonly outcome: 'succeeded' | 'degraded';
  readonly verification: Verification;
}

/** A run as the history has it. `end` is null while it goes on, and for ever when it died. */
export interface HealthRun {
  readonly verb: string;
  readonly startedAt: Date;
  readonly end: {
    readonly endedAt: Date;
    readonly outcome: Outcome;
    readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null;
    /** Of a drill: `rtoMs`, how long the restore took. */
    readonly details: Readonly<Record<string, unknown>>;
  } | null;
}

export interface HealthFacts {
  readonly plan: string;
  readonly objectives: Objectives;
  readonly drillEvery: PlanDrill['every'];
  /** Names of the plan's stores, the first one first. */
  readonly stores: readonly string[];
  readonly snapshots: readonly HealthSnapshot[];
  /** Newest first, of this plan: its last backups and drills at least. */
  readonly runs: readonly HealthRun[];
  /** True while somebody alive holds the plan's lock: a run without an end goes on, and did not die. */
  readonly isRunning: boolean;
  /** When the schedule first wanted a backup after the last one began; null without a schedule or before the first backup. */
  readonly dueAt: Date | null;
  readonly now: Date;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** For a plan that states neither an RPO nor a schedule: nobody wants to learn after a month that nothing ran. */
const unstatedRpoHours = 8 * 24;

/** A timer fires late, a machine boots slowly: no reason to alarm anybody. */
const dueGraceMs = 15 * 60_000;

/** A drill that is done each Sunday is not overdue on Sunday noon. */
const drillOverdueMs = { day: 36 * hourMs, week: 8 * dayMs, month: 32 * dayMs } as const;

/** Judges a plan by what it promises. Only snapshots that are whole and verified count. */
export function assessHealth(facts: HealthFacts): Health {
  const newest = newestOf(facts.snapshots);
  const verified = newestCounting(facts.snapshots);
  const reasons = [
    ...ageReasons(facts, { newest, verified }),
    ...backupReasons(facts, verified),
    ...missedReasons(facts, verified),
    ...snapshotReasons(facts, { newest, verified }),
    ...storeReasons(facts, verified),
    ...drillReasons(facts),
  ].toSorted((a, b) => Number(b.severity === 'critical') - Number(a.severity === 'critical'));
  return { kind: reasons[0]?.severity ?? 'healthy', reasons };
}

interface Newest {
  readonly newest: HealthSnapshot | undefined;
  readonly verified: HealthSnapshot | undefined;
}

function newestOf(snapshots: readonly HealthSnapshot[]): HealthSnapshot | undefined {
  return snapshots.toSorted(bySequence)[0];
}

function critical(code: HealthReason['code'], message: string, action: string): HealthReason[] {
  return [{ severity: 'critical', code, message, action }];
}

function warning(code: HealthReason['code'], message: string, action: string): HealthReason[] {
  return [{ severity: 'warning', code, message, action }];
}

function limitMs({ objectives, dueAt }: HealthFacts): number | null {
  if (objectives.rpoHours !== null) return objectives.rpoHours * hourMs;
  return dueAt === null ? unstatedRpoHours * hourMs : null;
}

function isTooOld(facts: HealthFacts, snapshot: HealthSnapshot): boolean {
  const limit = limitMs(facts);
  return limit !== null && facts.now.getTime() - snapshot.createdAt.getTime() > limit;
}

function ageReasons(facts: HealthFacts, { newest, verified }: Newest): HealthReason[] {
  const { plan, now, objectives } = facts;
  if (newest === undefined) return critical('no-snapshot', 'No snapshot yet', `Make one: holdfast backup ${plan}`);
  if (verified === undefined) return critical('no-verified-snapshot', 'No snapshot is whole and verified', verifyAction(plan, newest));
  if (!isTooOld(facts, verified)) return [];
  const age = `The newest verified snapshot was made ${formatAge(verified.createdAt, now)}`;
  if (objectives.rpoHours !== null)
    return critical(
      'too-old',
      `${age}; the objective is ${formatDuration(objectives.rpoHours * hourMs)}`,
      `Back up now: holdfast backup ${plan}`,
    );
  return warning('too-old', age, `Back up now: holdfast backup ${plan}; and say with objectives.rpo how old is too old`);
}

/** A damaged or degraded snapshot stays what it is: only another backup mends that. */
function verifyAction(plan: string, { id, outcome, verification }: HealthSnapshot): string {
  return verification.kind === 'unverified' && outcome === 'succeeded'
    ? `Verify it: holdfast verify ${id}`
    : `Back up again: holdfast backup ${plan}`;
}

function backupReasons(facts: HealthFacts, verified: HealthSnapshot | undefined): HealthReason[] {
  const { runs, plan, isRunning, now } = facts;
  // One that found the plan's lock taken is not the plan's last backup: the one that held the lock is.
  const last = runs.find(({ verb, end }) => verb === 'backup' && !(end === null && isRunning) && end?.error?.code !== 'LOCK_HELD');
  if (last === undefined) return [];
  const begun = formatAge(last.startedAt, now);
  if (last.end === null)
    return warning('run-died', `The backup begun ${begun} died before it ended`, `Back up again: holdfast backup ${plan}`);
  const { outcome, error } = last.end;
  const why = error === null ? '' : `: ${error.message}`;
  const action = error?.hint ?? `Back up again: holdfast backup ${plan}`;
  if (outcome === 'cancelled')
    return warning('run-failed', `The backup begun ${begun} was cancelled`, `Back up again: holdfast backup ${plan}`);
  if (outcome === 'degraded' && error !== null) return warning('run-degraded', `The backup begun ${begun} was degraded${why}`, action);
  if (outcome !== 'failed') return [];
  return (isWithinRpo(facts, verified) ? warning : critical)('run-failed', `The backup begun ${begun} failed${why}`, action);
}

/** Within the stated objective there is still time to mend what failed; without one nobody has said so. */
function isWithinRpo(facts: HealthFacts, verified: HealthSnapshot | undefined): boolean {
  return facts.objectives.rpoHours !== null && verified !== undefined && !isTooOld(facts, verified);
}

function missedReasons(facts: HealthFacts, verified: HealthSnapshot | undefined): HealthReason[] {
  const { dueAt, now, isRunning, plan } = facts;
  if (dueAt === null || isRunning || now.getTime() - dueAt.getTime() <= dueGraceMs) return [];
  const severity = isWithinRpo(facts, verified) ? warning : critical;
  return severity(
    'run-missed',
    `No backup began when it was due, ${formatAge(dueAt, now)}`,
    `Look at what starts it (timer, cron), and back up now: holdfast backup ${plan}`,
  );
}

function snapshotReasons({ snapshots, plan }: HealthFacts, { newest, verified }: Newest): HealthReason[] {
  const damaged = snapshots.filter(({ verification }) => verification.kind === 'failed').toSorted(bySequence);
  const reasons = damaged.flatMap((snapshot) => damagedReason(snapshot, { plan, isNewest: snapshot.sequence === newest?.sequence }));
  if (newest === undefined) return reasons;
  if (newest.outcome === 'degraded')
    reasons.push(
      ...warning(
        'snapshot-degraded',
        `The newest snapshot, "${newest.id}", is degraded: something was not backed up as it stood`,
        `See what: holdfast show ${newest.id}`,
      ),
    );
  const isVerified = verified?.sequence === newest.sequence || newest.verification.kind !== 'unverified';
  if (verified !== undefined && !isVerified)
    reasons.push(
      ...warning('snapshot-unverified', `The newest snapshot, "${newest.id}", is not verified`, `Verify it: holdfast verify ${newest.id}`),
    );
  return reasons;
}

function damagedReason(
  { id, store, verification }: HealthSnapshot,
  { plan, isNewest }: { plan: string; isNewest: boolean },
): HealthReason[] {
  const finding = verification.kind === 'failed' ? verification.findings[0] : undefined;
  const message = `Snapshot "${id}" in "${store}" did not pass verification${finding === undefined ? '' : `: ${finding}`}`;
  return (isNewest ? critical : warning)(
    'snapshot-damaged',
    message,
    `Back up again: holdfast backup ${plan}; and check that store's disk`,
  );
}

/** A copy that fell behind is no danger yet, and is one on the day when the first store burns down. */
function storeReasons(facts: HealthFacts, verified: HealthSnapshot | undefined): HealthReason[] {
  const { stores, snapshots, plan, now } = facts;
  if (verified === undefined) return [];
  return stores.flatMap((store) => {
    const newest = newestOf(snapshots.filter((snapshot) => snapshot.store === store && counts(snapshot)));
    if (newest === undefined)
      return warning('store-behind', `Store "${store}" holds no verified snapshot`, `Back up again: holdfast backup ${plan}`);
    if (newest.sequence === verified.sequence || !isTooOld(facts, newest) || isTooOld(facts, verified)) return [];
    const message = `The newest verified snapshot in store "${store}" was made ${formatAge(newest.createdAt, now)}`;
    return warning('store-behind', message, `Back up again, which copies to it: holdfast backup ${plan}`);
  });
}

function drillReasons({ runs, drillEvery, plan, now, objectives }: HealthFacts): HealthReason[] {
  const again = `Drill again: holdfast drill ${plan}`;
  const last = runs.find(
    ({ verb, end }) => verb === 'drill' && end !== null && end.outcome !== 'cancelled' && end.error?.code !== 'LOCK_HELD',
  );
  if (last?.end?.outcome === 'failed') return drillFailed(last.end, `The drill of ${formatAge(last.startedAt, now)}`, again);
  const reasons: HealthReason[] = [];
  if (drillEvery !== null && (last === undefined || now.getTime() - last.startedAt.getTime() > drillOverdueMs[drillEvery])) {
    const when = last === undefined ? 'It was never drilled' : `It was last drilled ${formatAge(last.startedAt, now)}`;
    reasons.push(...warning('drill-overdue', `${when}; the plan says every ${drillEvery}`, `Drill it: holdfast drill ${plan}`));
  }
  const rtoMs = last?.end?.details['rtoMs'];
  const objectiveMs = objectives.rtoMinutes === null ? Number.POSITIVE_INFINITY : objectives.rtoMinutes * 60_000;
  if (typeof rtoMs === 'number' && rtoMs > objectiveMs) {
    const message = `Restoring took ${formatDuration(rtoMs)} in the last drill; the objective is ${formatDuration(objectiveMs)}`;
    reasons.push(...warning('restore-too-slow', message, 'Restore from a faster store, split the plan, or state a longer objectives.rto'));
  }
  return reasons;
}

/** What keeps a drill from being held, and says nothing about the snapshot. */
const obstacles: readonly string[] = [
  'TOOL_MISSING',
  'SPACE_SHORT',
  'KEY_MISSING',
  'SERVER_UNREACHABLE',
  'CREDENTIALS_REJECTED',
  'STORE_ABSENT',
] satisfies ErrorCode[];

function drillFailed({ error }: NonNullable<HealthRun['end']>, which: string, again: string): HealthReason[] {
  const why = error === null ? '' : `: ${error.message}`;
  if (error !== null && obstacles.includes(error.code)) return warning('drill-failed', `${which} could not be held${why}`, error.hint);
  return critical('drill-failed', `${which} failed${why}`, error?.hint ?? again);
}
