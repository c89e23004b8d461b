import { hostname } from 'node:os';
import type { HoldfastEvent } from './domain/events.ts';
import type { Plan } from './domain/plan.ts';
import type { Configuration, OpenWorld } from './operations/context.ts';
import { tellError } from './operations/record-run.ts';
import { testChannels, type ChannelTest } from './operations/test-channels.ts';
import type { OpenContext } from './ports/descriptor.ts';
import type { ServiceState } from './ports/service-state.ts';
import type { Alerts, AlertsWorld } from './scheduler/alerts.ts';
import { openChannels, openStateBeside } from './world.ts';

/*
 * Where alerts are put together, for the service and for commands that run without it: both put what is to be told into the
 * same outbox, so that what one could not send the other does.
 */

interface AlertsOpening {
  readonly configuration: Configuration;
  readonly publicUrl: string | null;
  readonly world: Pick<OpenWorld, 'history' | 'host'>;
  readonly state: ServiceState;
  readonly context: OpenContext;
  readonly whenUnknown: AlertsWorld['whenUnknown'];
}

export async function openAlerts({ configuration, publicUrl, world, state, context, whenUnknown }: AlertsOpening): Promise<Alerts> {
  const { plans } = configuration;
  const { history, host } = world;
  const [{ open }, { Alerts: Told }] = await Promise.all([openChannels(context), import('./scheduler/alerts.ts')]);
  return new Told({ plans, outbox: state.outbox, history, clock: context.clock, log: context.log, host, whenUnknown, open, publicUrl });
}

/** A command waits no longer for a channel. */
const commandPatienceMs = 10_000;

/**
 * The world of a command whose plans tell somebody: each event is sent at once, and what cannot be sent stays due for the
 * service or the next command. No failure of that is one of the command.
 */
export function withAlerts(world: OpenWorld, configuration: Configuration, context: OpenContext): OpenWorld {
  let opened: Promise<{ readonly state: ServiceState; readonly alerts: Alerts }> | undefined;
  const open = async () => {
    const state = await openStateBeside(context);
    const publicUrl = configuration.service?.publicUrl ?? null;
    return { state, alerts: await openAlerts({ configuration, publicUrl, world, state, context, whenUnknown: 'leave' }) };
  };
  return {
    ...world,
    async emit(event: HoldfastEvent) {
      try {
        opened ??= open();
        const { alerts } = await opened;
        await alerts.deliverNow(event, AbortSignal.timeout(commandPatienceMs));
      } catch (error) {
        context.log.warn('What happened could not be told to anybody', { event: event.kind, error: tellError(error).message });
      }
    },
    async [Symbol.asyncDispose]() {
      const { state } = (await opened?.catch(() => undefined)) ?? {};
      await state?.[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

interface ChannelTesting {
  readonly context: OpenContext;
  /** Name of the person who asks. */
  readonly by: string;
  readonly publicUrl: string | null;
  readonly signal: AbortSignal;
}

/** Sends a test by these channels at once: nothing of it waits in the outbox. */
export async function testChannelsOf(
  plan: Pick<Plan, 'name' | 'notify'>,
  { context, by, publicUrl, signal }: ChannelTesting,
): Promise<readonly ChannelTest[]> {
  const { open } = await openChannels(context);
  const link = publicUrl === null ? null : `${publicUrl}/`;
  return await testChannels(plan, { open, by, host: hostname(), link, now: context.clock.now(), signal });
}
