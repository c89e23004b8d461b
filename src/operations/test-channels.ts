import type { ToldError } from '../domain/errors.ts';
import type { Plan, PlanChannel } from '../domain/plan.ts';
import type { Notifier, NotifierMessage } from '../ports/notifier.ts';
import { tellError } from './record-run.ts';

export interface ChannelTest {
  readonly channel: string;
  readonly error: ToldError | null;
}

interface Testing {
  readonly open: (channel: PlanChannel) => Notifier;
  readonly by: string;
  readonly host: string;
  readonly link: string | null;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Sends a test to these channels, whatever events they want, and tells how each went. */
export async function testChannels({ name, notify }: Pick<Plan, 'name' | 'notify'>, testing: Testing): Promise<readonly ChannelTest[]> {
  return await Promise.all(notify.map((channel) => testOne(name, channel, testing)));
}

async function testOne(plan: string, channel: PlanChannel, { open, by, host, link, now, signal }: Testing): Promise<ChannelTest> {
  const event: NotifierMessage['event'] = {
    kind: 'test',
    plan,
    at: now,
    severity: 'info',
    subject: 'test',
    title: `Test of "${channel.name}" for ${plan}`,
    message: `${by} asked for it: this channel works`,
    action: null,
    atRiskSince: null,
    run: null,
  };
  try {
    await open(channel).send({ event, count: 1, since: now, host, link }, signal);
    return { channel: channel.name, error: null };
  } catch (error) {
    return { channel: channel.name, error: tellError(error) };
  }
}
