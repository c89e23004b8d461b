import { formatBytes } from '../domain/byte-size.ts';
import { isHoldfastError, type ToldError } from '../domain/errors.ts';
import type { EventKind, HoldfastEvent } from '../domain/events.ts';
import type { Plan } from '../domain/plan.ts';
import type { HealthReason } from '../domain/staleness.ts';
import type { OperationContext } from '../operations/context.ts';
import { closeDeadRuns, tellError } from '../operations/record-run.ts';
import { planStatusOf, type PlanState } from '../operations/status.ts';
import { isDue } from '../operations/tell.ts';
import type { Outbox, Trouble } from '../ports/service-state.ts';

/** A store as it was last looked at. */
export interface WatchedStore {
  readonly name: string;
  readonly plans: readonly string[];
  /** Null while nobody has looked yet. */
  readonly reachable: boolean | null;
  readonly problem: ToldError | null;
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  readonly checkedAt: string | null;
}

export interface WatchWorld {
  readonly plans: ReadonlyMap<string, Plan>;
  readonly context: OperationContext;
  readonly outbox: Outbox;
  stores(): readonly WatchedStore[];
  /** When the plan's schedule first wants a backup after a moment; null when never. */
  nextDue(plan: Plan, after: Date): Date | null;
  emit(event: HoldfastEvent): Promise<void>;
  end(plan: string | null, subject: string): Promise<void>;
}

type Finding = Pick<HoldfastEvent, 'kind' | 'severity' | 'subject' | 'title' | 'message' | 'action'>;

interface Look {
  readonly found: readonly Finding[];
  /** Whether a trouble of this subject is over when it is not found any more. */
  readonly isOwn: (subject: string) => boolean;
  readonly open: readonly Trouble[];
  readonly atRiskSince?: Date | null;
}

const lookMs = 60_000;
const hourMs = 3_600_000;
/** A plan without a schedule has so long for its first snapshot. */
const firstSnapshotMs = 26 * hourMs;
/** A machine boots slowly, a first backup takes its time. */
const graceMs = 15 * 60_000;
/** What happened once, and nothing ends, is shown for a day. */
const shownMs = 24 * hourMs;
const passing: readonly EventKind[] = ['clock-changed', 'sign-in-locked', 'schedule-missed', 'restore-failed'];

/** Free space below this share of the whole is low; a trouble ends a little above it, so that it does not come and go. */
const lowShare = 0.05;
const enoughAgain = 1.2;

/** Looks every minute for what nobody reports: that nothing happened, that a run died, that a store is gone or filling, that the history is away. */
export class Watch {
  readonly #world: WatchWorld;
  readonly #startedAt: Date;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  /** The look that has not begun yet. */
  #next: Promise<void> | undefined;

  constructor(world: WatchWorld) {
    this.#world = world;
    this.#startedAt = world.context.clock.now();
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), lookMs).unref();
    void this.look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /**
   * However often it is wanted during a look, once more is enough. Never throws: what cannot be looked at now is looked at
   * again.
   */
  look(): Promise<void> {
    this.#next ??= this.#looking = this.#looking.then(async () => {
      this.#next = undefined;
      try {
        await this.#lookOnce();
      } catch (error) {
        this.#world.context.log.error('The plans could not be watched; it is tried again', { error: tellError(error).message });
      }
    });
    return this.#next;
  }

  async #lookOnce(): Promise<void> {
    const open = await this.#world.outbox.openTroubles();
    const found = await this.#lookAtAll(open);
    await this.#settle(null, { found, isOwn: (subject) => subject === 'history', open });
    await this.#forget(open);
  }

  /** Returns what is wrong with the history, which tells how the plans stand. */
  async #lookAtAll(open: readonly Trouble[]): Promise<Finding[]> {
    const { plans, context } = this.#world;
    try {
      for (const plan of plans.values()) await this.#lookAt(plan, open);
      for (const plan of [...plans.keys(), null]) await closeDeadRuns(context, plan);
      return [];
    } catch (error) {
      if (!isHoldfastError(error, 'HISTORY_UNREADABLE')) throw error;
      return [historyGone(error)];
    }
  }

  async #lookAt(plan: Plan, open: readonly Trouble[]): Promise<void> {
    const state = await planStatusOf(plan, this.#world.context, (after) => this.#world.nextDue(plan, after));
    const found = [...this.#overdue(state), ...this.#storeFindings(state, open)];
    await this.#settle(plan.name, { found, isOwn: isOfWatch, open, atRiskSince: provenAt(state) });
    await this.#endBackupTrouble(state, open);
  }

  #overdue(state: PlanState): Finding[] {
    const { plan, health } = state;
    const reasonOf = (...codes: HealthReason['code'][]) => health.reasons.find(({ code }) => codes.includes(code));
    const findings: Finding[] = [];
    const unproven = reasonOf('too-old', 'no-verified-snapshot') ?? (this.#isFirstLate(state) ? reasonOf('no-snapshot') : undefined);
    if (unproven !== undefined) findings.push(overdue(unproven, 'overdue', `${plan.name} has no recent proof that its data is safe`));
    const undrilled = reasonOf('drill-overdue');
    if (undrilled !== undefined) findings.push(overdue(undrilled, 'overdue:drill', `A drill of ${plan.name} is overdue`));
    const missed = reasonOf('run-missed');
    if (missed !== undefined)
      findings.push({ ...overdue(missed, 'schedule:backup', `A scheduled backup of ${plan.name} was missed`), kind: 'schedule-missed' });
    return findings;
  }

  /** A plan that was just set up is not late: its first time comes, or a day goes by. */
  #isFirstLate({ plan, now }: PlanState): boolean {
    const due = this.#world.nextDue(plan, this.#startedAt)?.getTime() ?? Number.POSITIVE_INFINITY;
    return now.getTime() > Math.min(due + graceMs, this.#startedAt.getTime() + firstSnapshotMs);
  }

  #storeFindings({ plan, newest, copies }: PlanState, open: readonly Trouble[]): Finding[] {
    const newestBytes = newest?.sizeBytes ?? 0;
    return this.#world
      .stores()
      .filter(({ plans }) => plans.includes(plan.name))
      .flatMap((store) => {
        const wasLow = open.some((trouble) => trouble.plan === plan.name && trouble.subject === `space:${store.name}`);
        const last = copies.find((copy) => copy.store === store.name)?.newest;
        return [
          ...unreachable(plan, store, last?.createdAt ?? null),
          ...low(plan, store, { newestBytes, factor: wasLow ? enoughAgain : 1 }),
        ];
      });
  }

  /** Tells what is new, or due to be told again, and ends what is over. */
  async #settle(plan: string | null, { found, isOwn, open, atRiskSince = null }: Look): Promise<void> {
    const now = this.#world.context.clock.now();
    for (const finding of found) {
      const known = open.find((trouble) => trouble.plan === plan && trouble.subject === finding.subject);
      if (known === undefined || isDue(known, finding, now)) await this.#world.emit({ ...finding, plan, at: now, atRiskSince, run: null });
    }
    const subjects = new Set(found.map(({ subject }) => subject));
    for (const trouble of open)
      if (trouble.plan === plan && isOwn(trouble.subject) && !subjects.has(trouble.subject)) await this.#world.end(plan, trouble.subject);
  }

  /** A command that succeeded may have told nobody. */
  async #endBackupTrouble({ plan, lastRun }: PlanState, open: readonly Trouble[]): Promise<void> {
    const trouble = open.find((each) => each.plan === plan.name && each.subject === 'backup');
    const end = lastRun?.end;
    if (trouble === undefined || end?.outcome !== 'succeeded' || end.endedAt <= trouble.event.at) return;
    await this.#world.end(plan.name, 'backup');
  }

  /** Troubles of plans that are gone, and what happened once and long ago: nobody needs to be told that these are over. */
  async #forget(open: readonly Trouble[]): Promise<void> {
    const { plans, outbox, context } = this.#world;
    const before = context.clock.now().getTime() - shownMs;
    for (const { plan, subject, event } of open) {
      const isGone = plan !== null && !plans.has(plan);
      if (isGone || (passing.includes(event.kind) && event.at.getTime() < before)) await outbox.endTrouble(plan, subject);
    }
  }
}

/** Subjects that this watch alone begins and ends. */
function isOfWatch(subject: string): boolean {
  return subject === 'overdue' || subject === 'overdue:drill' || subject.startsWith('store:') || subject.startsWith('space:');
}

function provenAt({ newestProven }: PlanState): Date | null {
  return newestProven === undefined ? null : new Date(newestProven.createdAt);
}

function overdue({ severity, message, action }: HealthReason, subject: string, title: string): Finding {
  return { kind: 'overdue', severity, subject, title, message, action };
}

/**
 * A store that was never written to may not be there yet: its first snapshot makes it. Where one went since the last look, the
 * next one tells.
 */
function unreachable(plan: Plan, { name, reachable, problem, checkedAt }: WatchedStore, newestAt: string | null): Finding[] {
  if (reachable !== false || (newestAt === null && problem?.code === 'STORE_ABSENT')) return [];
  if (newestAt !== null && checkedAt !== null && newestAt > checkedAt) return [];
  return [
    {
      kind: 'store-unreachable',
      severity: 'critical',
      subject: `store:${name}`,
      title: `Store ${name} of ${plan.name} cannot be reached`,
      message: problem?.message ?? 'It could not be looked into',
      action: problem?.hint ?? `See why: holdfast probe ${plan.name}`,
    },
  ];
}

interface Space {
  readonly newestBytes: number;
  /** More than 1 for a store that was low: it has to have more than just enough. */
  readonly factor: number;
}

function low(plan: Plan, { name, freeBytes, totalBytes }: WatchedStore, { newestBytes, factor }: Space): Finding[] {
  if (freeBytes === null || totalBytes === null) return [];
  const isTooSmall = freeBytes < newestBytes * factor;
  if (!isTooSmall && freeBytes >= totalBytes * lowShare * factor) return [];
  const needed = newestBytes === 0 ? '' : `; the newest snapshot has ${formatBytes(newestBytes)}`;
  return [
    {
      kind: 'store-low',
      severity: isTooSmall ? 'critical' : 'warning',
      subject: `space:${name}`,
      title: `Store ${name} of ${plan.name} is nearly full`,
      message: `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} are free${needed}`,
      action: `Free space there, or let the plan keep fewer snapshots, and see which go: holdfast expire ${plan.name} --dry-run`,
    },
  ];
}

function historyGone(error: unknown): Finding {
  const { message, hint } = tellError(error);
  return {
    kind: 'history-unreachable',
    severity: 'warning',
    subject: 'history',
    title: 'The history cannot be read',
    message: `${message}. Backups go on; what they did is added when it is back`,
    action: hint,
  };
}
