import type { HoldfastEvent } from '../domain/events.ts';
import type { PlanChannel } from '../domain/plan.ts';
import { endTrouble, tell, type Telling } from '../operations/tell.ts';
import type { History } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import type { Notifier } from '../ports/notifier.ts';
import { Dispatcher, type DispatcherWorld } from './dispatcher.ts';

export interface AlertsWorld extends Telling {
  readonly history: Pick<History, 'facts' | 'recordNotified'>;
  readonly log: Log;
  readonly host: string;
  readonly whenUnknown: DispatcherWorld['whenUnknown'];
  readonly open: (channel: PlanChannel) => Notifier;
  /** What people type to reach the dashboard; null when nobody said so. */
  readonly publicUrl: string | null;
}

/** Tells people what happened, in the order of happening, by the channels of the plans. */
export class Alerts {
  readonly #world: AlertsWorld;
  readonly dispatcher: Dispatcher;
  #telling: Promise<void> = Promise.resolve();

  constructor(world: AlertsWorld) {
    this.#world = world;
    this.dispatcher = new Dispatcher({
      ...world,
      notifier: (plan, name) => {
        const channel = world.plans.get(plan ?? '')?.notify.find((each) => each.name === name);
        return channel === undefined ? null : world.open(channel);
      },
      link: (event) => linkTo(event, world.publicUrl),
      onChannel: (channel, error) => this.#onChannel(channel, error),
    });
  }

  /** Resolves when it is in the outbox. */
  async emit(event: HoldfastEvent): Promise<void> {
    await this.#inTurn(() => tell(event, this.#world));
    this.dispatcher.kick();
  }

  /** Sends it within the time that the signal leaves; what could not be sent stays due. */
  async deliverNow(event: HoldfastEvent, signal: AbortSignal): Promise<void> {
    await this.#inTurn(() => tell(event, this.#world));
    await this.dispatcher.deliverDue(signal);
  }

  /** A trouble is over, when there was one. */
  async end(plan: string | null, subject: string): Promise<void> {
    await this.#inTurn(() => endTrouble(plan, subject, this.#world));
    this.dispatcher.kick();
  }

  /** Two events of one subject at the same time would both look new. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#telling.then(work);
    this.#telling = done.catch(() => undefined);
    return done;
  }

  async #onChannel({ plan, name }: { readonly plan: string; readonly name: string }, error: string | null): Promise<void> {
    const subject = `channel:${name}`;
    if (error === null) return await this.#inTurn(() => endTrouble(plan, subject, this.#world));
    const event: HoldfastEvent = {
      kind: 'channel-failing',
      plan,
      at: this.#world.clock.now(),
      severity: 'warning',
      subject,
      title: `Notifications of ${plan} by "${name}" do not arrive`,
      message: error,
      action: `Correct the channel, then: holdfast notify test ${plan}`,
      atRiskSince: null,
      run: null,
    };
    await this.#inTurn(() => tell(event, this.#world));
  }
}

function linkTo({ plan, run }: HoldfastEvent, publicUrl: string | null): string | null {
  if (publicUrl === null) return null;
  if (run !== null) return `${publicUrl}/runs/${encodeURIComponent(run.key)}`;
  return plan === null ? `${publicUrl}/` : `${publicUrl}/plans/${encodeURIComponent(plan)}`;
}
