import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { HoldfastEvent } from '../domain/events.ts';
import { tellError } from '../operations/record-run.ts';
import type { Clock } from '../ports/clock.ts';
import type { History } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Delivery, DeliveryResult, Outbox } from '../ports/service-state.ts';

export interface DispatcherWorld {
  readonly outbox: Outbox;
  readonly history: Pick<History, 'recordNotified'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly host: string;
  /** Null when the configuration does not name it. */
  notifier(plan: string | null, channel: string): Notifier | null;
  /** A channel that the configuration does not name: the service gives up, a command leaves it to whoever knows it. */
  readonly whenUnknown: 'give-up' | 'leave';
  /** Page of the dashboard; null when nobody said where that is. */
  link(event: HoldfastEvent): string | null;
  /** Told after each attempt: what is wrong with a channel that keeps failing, null when it works. */
  onChannel(channel: { readonly plan: string; readonly name: string }, error: string | null): Promise<void>;
}

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const firstPausesMs = [30 * secondMs, 2 * minuteMs, 10 * minuteMs, 30 * minuteMs] as const;
/** The pauses above, then once an hour until a day is over. */
const mostAttempts = firstPausesMs.length + 24;
/** One failure is a hiccup. */
const failingAfter = 3;
const atOnce = 4;
const lookMs = 15 * secondMs;
/** A stop waits no longer for channels. */
const farewellMs = 5 * secondMs;

/** Sends what is due in the outbox, and tries again later what could not be sent. */
export class Dispatcher {
  readonly #world: DispatcherWorld;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #isWanted = false;

  constructor(world: DispatcherWorld) {
    this.#world = world;
  }

  /** Sends what is due now and what becomes due until `stop`: other processes put things into the same outbox. */
  start(): void {
    this.#timer = setInterval(() => this.kick(), lookMs).unref();
    this.kick();
  }

  /** There may be something to send. */
  kick(): void {
    if (this.#isWanted || this.#ending.signal.aborted) return;
    this.#isWanted = true;
    this.#working = this.#working.then(async () => {
      this.#isWanted = false;
      await this.deliverDue(this.#ending.signal);
    });
  }

  /** Sends what is due, for a few seconds. What is still on its way then is given up, tried again after the next start, and named in the log. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.kick();
    const timer = setTimeout(() => this.#end(), farewellMs);
    await this.#working;
    clearTimeout(timer);
    this.#end();
    await this.#tellOfWaiting();
  }

  #end(): void {
    this.#ending.abort(new HoldfastError('CANCELLED', 'the service was stopped', { hint: 'Start the service again' }));
  }

  async #tellOfWaiting(): Promise<void> {
    const { outbox, log } = this.#world;
    try {
      for (const { plan, channel, waiting } of await outbox.channels())
        if (waiting > 0) log.warn('Notifications could not be sent before the stop; the next start sends them', { plan, channel, waiting });
    } catch (error) {
      log.error('Nobody can tell which notifications could not be sent before the stop', { error: tellError(error).message });
    }
  }

  /** Until nothing is due any more. Never throws: what cannot be sent, or not even be read, is for the next time. */
  async deliverDue(signal: AbortSignal): Promise<void> {
    const { outbox, clock, log } = this.#world;
    try {
      while (!signal.aborted) {
        const due = await outbox.claimDue(clock.now(), atOnce);
        if (due.length === 0) return;
        const byChannel = Map.groupBy(due, ({ plan, channel }) => JSON.stringify([plan, channel]));
        await Promise.all([...byChannel.values()].map((deliveries) => this.#inOrder(deliveries, signal)));
      }
    } catch (error) {
      log.error('Notifications could not be sent; they stay due', { error: tellError(error).message });
    }
  }

  /** What comes after a message that has to wait, waits too: else "it is over" would come before "it failed". */
  async #inOrder(deliveries: readonly Delivery[], signal: AbortSignal): Promise<void> {
    let waiting: DeliveryResult | undefined;
    for (const delivery of deliveries) {
      const notifier = this.#world.notifier(delivery.plan, delivery.channel);
      if (notifier === null) {
        await this.#passOver(delivery);
        continue;
      }
      const result = waiting ?? (await this.#attempt(delivery, notifier, signal));
      await this.#world.outbox.settle(delivery.id, result);
      if (waiting === undefined) await this.#afterwards(delivery, result);
      if (result.kind === 'again') waiting = result;
    }
  }

  async #passOver({ id }: Delivery): Promise<void> {
    const { outbox, clock, whenUnknown } = this.#world;
    const error = 'The configuration does not name this channel any more';
    if (whenUnknown === 'give-up') await outbox.settle(id, { kind: 'given-up', at: clock.now(), error });
  }

  async #attempt(delivery: Delivery, notifier: Notifier, signal: AbortSignal): Promise<DeliveryResult> {
    const { clock, host } = this.#world;
    const { event, count, since } = delivery;
    try {
      await notifier.send({ event, count, since, host, link: this.#world.link(event) }, signal);
      return { kind: 'delivered', at: clock.now() };
    } catch (error) {
      return this.#failed(delivery, error);
    }
  }

  #failed({ plan, channel, event, attempts }: Delivery, error: unknown): DeliveryResult {
    const { log, clock } = this.#world;
    const { message, hint } = tellError(error);
    const now = clock.now();
    const isOver = isHoldfastError(error, 'NOTIFY_REJECTED') || attempts + 1 >= mostAttempts;
    log.warn(isOver ? 'A notification was given up' : 'A notification could not be delivered; it is tried again', {
      plan,
      channel,
      event: event.kind,
      error: message,
      next: hint,
    });
    if (isOver) return { kind: 'given-up', at: now, error: message };
    const dueAt = new Date(now.getTime() + (isHoldfastError(error, 'CANCELLED') ? 0 : pauseMs(attempts, error)));
    return { kind: 'again', dueAt, error: message };
  }

  async #afterwards({ plan, channel, event, attempts }: Delivery, result: DeliveryResult): Promise<void> {
    const { history, log } = this.#world;
    if (result.kind === 'delivered' && event.run !== null && event.kind !== 'backup-started')
      await history.recordNotified(event.run.key, result.at).catch((error: unknown) => {
        log.debug('that somebody was told of a run could not be recorded', { run: event.run?.key, error: tellError(error).message });
      });
    if (plan === null) return;
    if (result.kind === 'delivered') await this.#world.onChannel({ plan, name: channel }, null);
    else if (result.kind === 'given-up' || attempts + 1 >= failingAfter) await this.#world.onChannel({ plan, name: channel }, result.error);
  }
}

/** As long as the other side asks for, an hour at most. */
function pauseMs(attempts: number, error: unknown): number {
  const ownMs = firstPausesMs[attempts] ?? hourMs;
  if (!isHoldfastError(error) || error.retry.kind !== 'after') return ownMs;
  return Math.min(Math.max(error.retry.delayMs, secondMs), hourMs);
}
