import { decideDue, type DueDecision } from '../domain/due.ts';
import { isHoldfastError } from '../domain/errors.ts';
import type { HoldfastEvent } from '../domain/events.ts';
import type { Plan } from '../domain/plan.ts';
import type { RunRequest, RunTrigger } from '../domain/run-request.ts';
import type { Clock } from '../ports/clock.ts';
import type { History } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import type { ScheduleRecords } from '../ports/service-state.ts';
import { ClockWatch, type ClockJump } from './clock-watch.ts';
import { dueTimes, nextTimes } from './cron-times.ts';
import { missedPolicyOf, schedulesOf, signatureOf, timingOf, type OwnSchedule } from './plan-schedules.ts';

/** A machine that sleeps, or whose clock is set, is noticed no later than this. */
const longestTickMs = 30_000;
const longestWaitMs = 3_600_000;
/** So far ahead no time was ever settled on a clock that was right. */
const absurdMs = 24 * 3_600_000;

export interface SchedulerWorld {
  readonly plans: Iterable<Plan>;
  /** Its jitter is its own. */
  readonly installation: string;
  readonly clock: Clock;
  /** Since the machine started, its sleep included. */
  uptimeMs(): number;
  readonly log: Log;
  readonly records: ScheduleRecords;
  readonly history: Pick<History, 'runs'>;
  newRunKey(): string;
  /** Starts a run, or lets it wait its turn for so long. Resolves when that is written down. */
  start(request: RunRequest, waitMs: number): Promise<void>;
  readonly emit: (event: HoldfastEvent) => Promise<void>;
}

/**
 * Starts what the plans' schedules want, once each. What is due is settled durably before it is started: a crash in between
 * may lose a run, and that is told at the next start, but none is ever doubled.
 */
export class Scheduler {
  readonly #world: SchedulerWorld;
  readonly #schedules: readonly OwnSchedule[];
  readonly #clockWatch: ClockWatch;
  /** Times that were settled before this start, as long as the history could not be asked what became of them. */
  readonly #unasked = new Map<OwnSchedule, Date>();
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #lastTickMs: number | null = null;
  #isStopped = false;

  constructor(world: SchedulerWorld) {
    this.#world = world;
    this.#schedules = [...world.plans].flatMap(schedulesOf);
    this.#clockWatch = new ClockWatch(world.clock, () => world.uptimeMs());
  }

  /** Looks for runs that were lost, as soon as the history can be asked, and ticks until it is stopped. */
  async start(): Promise<void> {
    for (const own of this.#schedules) await this.#guard(own, () => this.#noteSettled(own));
    await this.#tickOnTime();
  }

  /** Resolves when nothing more will be started. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#ticking;
  }

  /** Times whose runs were kept from being done by the stop of the service: after the next start they are missed times. */
  async giveBack(runs: readonly Pick<RunRequest, 'plan' | 'verb' | 'trigger'>[]): Promise<void> {
    for (const { plan, verb, trigger } of runs) {
      const own = this.#schedules.find((schedule) => schedule.plan.name === plan && schedule.verb === verb);
      if (own === undefined || trigger.dueAt === null) continue;
      const dueAt = new Date(trigger.dueAt);
      await this.#guard(own, () => this.#settle(own, justBefore(dueAt)));
    }
  }

  /** Milliseconds since it last looked; null before the first time. */
  get sinceLastTickMs(): number | null {
    return this.#lastTickMs === null ? null : this.#world.clock.monotonicMs() - this.#lastTickMs;
  }

  async #tickOnTime(): Promise<void> {
    if (this.#isStopped) return;
    this.#ticking = this.tick();
    await this.#ticking;
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#tickOnTime(), await this.#untilNextMs());
    if (this.#isStopped) clearTimeout(this.#timer);
  }

  async #untilNextMs(): Promise<number> {
    const { clock, installation } = this.#world;
    let untilMs = longestTickMs;
    for (const own of this.#schedules)
      await this.#guard(own, async () => {
        const now = clock.now();
        const [next] = nextTimes(timingOf(own, installation), now, 1);
        if (next !== undefined) untilMs = Math.min(untilMs, next.getTime() - now.getTime());
      });
    return untilMs;
  }

  /** One look at the clock and at every schedule. What goes wrong with one keeps no other from being looked at. */
  async tick(): Promise<void> {
    const jump = this.#clockWatch.look();
    if (jump !== null) await this.#tellOfJump(jump);
    for (const [own, dueAt] of this.#unasked) await this.#guard(own, () => this.#lookForLost(own, dueAt));
    for (const own of this.#schedules) if (!this.#isStopped) await this.#guard(own, () => this.#look(own));
    this.#lastTickMs = this.#world.clock.monotonicMs();
  }

  async #guard({ plan, verb }: OwnSchedule, look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      const fields = { plan: plan.name, verb, error: messageOf(error) };
      this.#world.log.error('A schedule could not be looked at; it is looked at again soon', fields);
    }
  }

  async #look(own: OwnSchedule): Promise<void> {
    const { records, clock } = this.#world;
    const now = clock.now();
    const known = await this.#known(own);
    if (known === null) return await this.#settle(own, now);
    if (known.getTime() - now.getTime() > absurdMs) return await this.#setRight(own, known, now);
    const due = dueTimes(timingOf(own, this.#world.installation), { after: known, until: now });
    if (due.length === 0) return;
    const decision = decideDue(due, missedPolicyOf(own.schedule), now);
    // A run that is to be started is settled at its own time, so that it can be missed if it never was.
    await records.settle({ ...identity(own), consideredUntil: decision.run ?? decision.consideredUntil });
    await this.#tellOfPassedOver(own, decision);
    if (decision.run !== null) await this.#start(own, decision.run);
  }

  /** Up to when everything is settled; null for a schedule that is new or was edited: it never catches up. */
  async #known(own: OwnSchedule): Promise<Date | null> {
    const record = await this.#world.records.record(own.plan.name, own.verb);
    return record === undefined || record.signature !== signatureOf(own.schedule) ? null : record.consideredUntil;
  }

  async #settle(own: OwnSchedule, consideredUntil: Date): Promise<void> {
    await this.#world.records.settle({ ...identity(own), consideredUntil });
  }

  async #start(own: OwnSchedule, dueAt: Date): Promise<void> {
    const { clock, installation, log } = this.#world;
    const [next] = nextTimes(timingOf(own, installation), clock.now(), 1);
    const waitMs = Math.min(longestWaitMs, next === undefined ? longestWaitMs : next.getTime() - clock.now().getTime());
    try {
      await this.#world.start(requestOf(own, dueAt, this.#world.newRunKey()), waitMs);
    } catch (error) {
      if (!isHoldfastError(error, 'SERVICE_STOPPING')) throw error;
      log.warn('A run was due while the service was about to stop', { plan: own.plan.name, verb: own.verb, dueAt: dueAt.toISOString() });
      await this.#settle(own, justBefore(dueAt));
    }
  }

  async #tellOfPassedOver(own: OwnSchedule, { run, passedOver }: DueDecision): Promise<void> {
    const [first] = passedOver;
    if (first === undefined) return;
    const fields = { plan: own.plan.name, verb: own.verb, count: passedOver.length, from: first.dueAt.toISOString(), why: first.why };
    this.#world.log.warn('Scheduled times passed while nobody could run them', fields);
    if (run === null)
      await this.#tellOfMissed(
        own,
        passedOver.map(({ dueAt }) => dueAt),
        'nobody could run it then',
      );
  }

  async #noteSettled(own: OwnSchedule): Promise<void> {
    const known = await this.#known(own);
    if (known === null) return;
    const [settledFor] = dueTimes(timingOf(own, this.#world.installation), { after: justBefore(known), until: known });
    if (settledFor !== undefined) this.#unasked.set(own, settledFor);
  }

  /** A time that was settled for a run, and of which the history knows nothing: the service died in between. */
  async #lookForLost(own: OwnSchedule, dueAt: Date): Promise<void> {
    const wasRun = await this.#wasRun(own, dueAt);
    if (wasRun === null) return;
    if (!wasRun) {
      // It is told once; a later time may have been settled while the history was away.
      const known = await this.#known(own);
      if (known?.getTime() === dueAt.getTime()) await this.#settle(own, new Date(dueAt.getTime() + 1));
      await this.#tellOfMissed(own, [dueAt], 'the service was ended just before it began');
    }
    this.#unasked.delete(own);
  }

  /** Null while the history is away. */
  async #wasRun({ plan, verb }: OwnSchedule, dueAt: Date): Promise<boolean | null> {
    try {
      const runs = await this.#world.history.runs({ plan: plan.name, verb, since: dueAt });
      return runs.some(({ trigger }) => trigger.dueAt === dueAt.toISOString());
    } catch (error) {
      if (!isHoldfastError(error, 'HISTORY_UNREADABLE')) throw error;
      return null;
    }
  }

  async #tellOfMissed({ plan, verb }: OwnSchedule, missed: readonly Date[], why: string): Promise<void> {
    const [first] = missed;
    if (first === undefined) return;
    const times = missed.length === 1 ? 'time' : `${missed.length} times, the first`;
    await this.#emit({
      kind: 'schedule-missed',
      plan: plan.name,
      severity: 'warning',
      subject: `schedule:${verb}`,
      title: `A scheduled ${verb} of ${plan.name} was missed`,
      message: `The ${verb} due at ${first.toISOString()} (${times}) did not run: ${why}`,
      action: verb === 'backup' ? `Run it now: holdfast backup ${plan.name}` : 'See when it comes next: holdfast schedule preview',
    });
  }

  async #tellOfJump({ byMs, slept }: ClockJump): Promise<void> {
    const seconds = Math.round(byMs / 1000);
    if (slept) return this.#world.log.info('The machine slept; schedules go on', { seconds });
    const direction = byMs < 0 ? 'back' : 'forward';
    this.#world.log.warn(`The clock was set ${direction}`, { seconds });
    await this.#emit({
      kind: 'clock-changed',
      plan: null,
      severity: 'warning',
      subject: 'clock',
      title: `The clock of the machine was set ${direction}`,
      message: `It was set ${direction} by ${Math.abs(seconds)} seconds. ${byMs < 0 ? 'No time that was run is run again' : 'Times in between count as missed'}`,
      action: 'See that the clock is right and kept right: timedatectl status',
    });
  }

  /** The clock had been wrong, far in the future: waiting until it is there again would be waiting for ever. */
  async #setRight(own: OwnSchedule, known: Date, now: Date): Promise<void> {
    await this.#settle(own, now);
    await this.#emit({
      kind: 'clock-changed',
      plan: own.plan.name,
      severity: 'warning',
      subject: 'clock',
      title: `The clock had been wrong: the schedule of ${own.plan.name} starts afresh`,
      message: `Times up to ${known.toISOString()} had been settled for ${own.verb}, and it is ${now.toISOString()} now`,
      action: 'See that the clock is right and kept right: timedatectl status',
    });
  }

  async #emit(event: Omit<HoldfastEvent, 'at' | 'atRiskSince' | 'run'>): Promise<void> {
    const { clock, log, emit } = this.#world;
    try {
      await emit({ ...event, at: clock.now(), atRiskSince: null, run: null });
    } catch (error) {
      log.error('What happened could not be told to anybody', { event: event.kind, plan: event.plan, error: messageOf(error) });
    }
  }
}

function justBefore(at: Date): Date {
  return new Date(at.getTime() - 1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function identity({ plan, verb, schedule }: OwnSchedule) {
  return { plan: plan.name, verb, signature: signatureOf(schedule) };
}

function requestOf({ plan, verb }: OwnSchedule, dueAt: Date, key: string): RunRequest {
  const trigger: RunTrigger = { kind: 'schedule', user: '*system', dueAt: dueAt.toISOString() };
  const base = { key, trigger, plan: plan.name };
  if (verb === 'backup') return { ...base, verb, description: null };
  if (verb === 'drill') return { ...base, verb, snapshot: null };
  if (verb === 'expire') return { ...base, verb };
  const { depth, which } = plan.schedules.verify ?? ({ depth: 'readable', which: 'newest' } as const);
  return { ...base, verb, snapshot: null, store: null, depth, which };
}
