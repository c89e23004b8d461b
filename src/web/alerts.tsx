import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAct, useLoaded } from './api.ts';
import { Icon } from './icons.tsx';
import { hrefOf } from './router.ts';
import { may, useSession } from './session.ts';
import type { Alert, Channel, Delivery, Page as PageOf } from './shapes.ts';
import type { Shown } from './states.ts';
import { Ago, Button, Empty, Page, Pill, Section, Trouble } from './ui.tsx';
import { counted } from './words.ts';

export function AlertsPage(): JSX.Element {
  const alerts = useLoaded<PageOf<Alert>>('alerts');
  const channels = useLoaded<PageOf<Channel>>('channels');
  return (
    <Page title="Alerts" lead="What is wrong now, and who is told.">
      <Trouble error={alerts.error} retry={alerts.reload} />
      {alerts.data?.items.length === 0 ? (
        <div class="notice good">
          <Icon name="check" />
          <p class="notice-title">Nothing is wrong.</p>
        </div>
      ) : null}
      <ul class="needs">
        {alerts.data?.items.map((alert) => (
          <AlertRow key={`${alert.plan} ${alert.subject}`} alert={alert} />
        ))}
      </ul>
      <Section title="Who is told">
        <Trouble error={channels.error} retry={channels.reload} />
        {channels.data?.items.length === 0 ? (
          <Empty>
            Nobody yet. Add <code>notify</code> to a plan, or set <code>BACKUP_ALERT_EMAIL</code> or <code>BACKUP_ALERT_WEBHOOK_URL</code>.
          </Empty>
        ) : null}
        <ul class="rows">
          {channels.data?.items.map((channel) => (
            <ChannelRow key={`${channel.plan} ${channel.name}`} channel={channel} />
          ))}
        </ul>
        <TestChannels channels={channels.data?.items ?? []} reload={channels.reload} />
      </Section>
      <Deliveries />
    </Page>
  );
}

function AlertRow({ alert }: { readonly alert: Alert }): JSX.Element {
  const isBad = alert.severity === 'critical';
  return (
    <li class={`notice ${isBad ? 'bad' : 'warn'}`}>
      <Icon name={isBad ? 'critical' : 'warning'} />
      <div>
        <p class="notice-title">{alert.title}</p>
        <p>{alert.message}</p>
        {alert.action === null ? null : <p>{alert.action}</p>}
        <p class="small">
          {alert.plan === null ? null : (
            <>
              <a href={hrefOf(`/plans/${alert.plan}`)}>{alert.plan}</a> ·{' '}
            </>
          )}
          since <Ago at={alert.since} />
          {alert.count > 1 ? ` · seen ${counted(alert.count, 'time')}` : ''}
        </p>
      </div>
    </li>
  );
}

function isFailing({ lastDeliveredAt, lastFailedAt }: Channel): boolean {
  return lastFailedAt !== null && (lastDeliveredAt === null || lastFailedAt > lastDeliveredAt);
}

function channelShown(channel: Channel): Shown {
  if (isFailing(channel)) return { tone: 'bad', icon: 'cross', word: 'Failing' };
  if (channel.lastDeliveredAt === null) return { tone: 'quiet', icon: 'clock', word: 'Not used yet' };
  return { tone: 'good', icon: 'check', word: 'Works' };
}

function ChannelRow({ channel }: { readonly channel: Channel }): JSX.Element {
  const { name, plan, kind, place, events, lastError, lastDeliveredAt, lastFailedAt, waiting } = channel;
  const told = name.includes(place) ? `told of ${counted(events.length, 'kind')} of event` : `${kind} · ${place}`;
  const fails = isFailing(channel);
  return (
    <li class="row still">
      <span class="row-main">
        <span class="row-title">
          {name} {plan === null ? null : <span class="soft">for {plan}</span>}
        </span>
        <span class="row-note">
          {fails ? (lastError ?? told) : told}
          {waiting > 0 ? ` · ${counted(waiting, 'message')} waiting` : ''}
          {fails ? (
            <>
              {' '}
              · last delivered <Ago at={lastDeliveredAt} />
            </>
          ) : null}
        </span>
      </span>
      <span class="row-end">
        <Pill shown={channelShown(channel)} />
        <span class="row-when">
          <Ago at={fails ? lastFailedAt : lastDeliveredAt} none="" />
        </span>
      </span>
    </li>
  );
}

const deliveries: Readonly<Record<Delivery['state'], Shown>> = {
  delivered: { tone: 'good', icon: 'check', word: 'Delivered' },
  due: { tone: 'busy', icon: 'clock', word: 'Waiting' },
  'given-up': { tone: 'bad', icon: 'cross', word: 'Given up' },
};

function Deliveries(): JSX.Element {
  const { data, error, reload } = useLoaded<PageOf<Delivery>>('deliveries?limit=20');
  return (
    <Section title="Lately told">
      <Trouble error={error} retry={reload} />
      {data?.items.length === 0 ? <Empty>Nothing has been told yet.</Empty> : null}
      <ul class="rows">
        {data?.items.map((delivery) => (
          <DeliveryRow key={delivery.id} delivery={delivery} />
        ))}
      </ul>
    </Section>
  );
}

function DeliveryRow({ delivery }: { readonly delivery: Delivery }): JSX.Element {
  const { event, channel, count, attempts, state, lastError, dueAt, settledAt } = delivery;
  const tries = state === 'delivered' || attempts === 0 ? '' : ` · ${counted(attempts, 'attempt')}`;
  return (
    <li class="row still">
      <span class="row-main">
        <span class="row-title">
          {event.title}
          {count > 1 ? <span class="soft"> and {counted(count - 1, 'more', 'more')}</span> : null}
        </span>
        <span class="row-note">
          {channel}
          {tries}
          {state === 'delivered' || lastError === null ? '' : ` · ${lastError}`}
          {state === 'due' && attempts > 0 ? (
            <>
              {' '}
              · next attempt <Ago at={dueAt} />
            </>
          ) : null}
        </span>
      </span>
      <span class="row-end">
        <Pill shown={deliveries[state]} />
        <span class="row-when">
          <Ago at={settledAt ?? event.at} />
        </span>
      </span>
    </li>
  );
}

interface TestResult {
  readonly channel: string;
  readonly error: string | null;
}

function TestChannels({ channels, reload }: { readonly channels: readonly Channel[]; readonly reload: () => void }): JSX.Element | null {
  const { me } = useSession();
  const act = useAct();
  const [results, setResults] = useState<readonly TestResult[]>([]);
  const plans = [...new Set(channels.map(({ plan }) => plan))].filter((plan) => plan !== null);
  if (!may(me, 'operator') || plans.length === 0) return null;
  const test = () =>
    act.run(async () => {
      const replies = await Promise.all(
        plans.map((plan) => call<{ readonly results: readonly TestResult[] }>(`plans/${plan}/notifications/test`, { method: 'POST' })),
      );
      setResults(replies.flatMap((reply) => reply.results));
      reload();
    });
  return (
    <div class="stack">
      <Button icon="bell" busy={act.busy} onClick={test}>
        Send a test to all
      </Button>
      <ul class="plain" aria-live="polite">
        {results.map(({ channel, error }) => (
          <li key={channel} class={error === null ? 'good-text' : 'bad-text'}>
            {channel}: {error ?? 'delivered'}
          </li>
        ))}
      </ul>
      <Trouble error={act.error} />
    </div>
  );
}
