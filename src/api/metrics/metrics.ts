import type { Status, StoreState } from '../contract.ts';
import type { LiveRun } from '../../ports/runner.ts';
import type { ChannelState } from '../../ports/service-state.ts';
import type { Metric, Sample } from './exposition.ts';
import type { Figures } from './figures.ts';
import type { HttpRequests } from './http-requests.ts';

/** Everything that is measured, as it was found at one moment. */
export interface Measured {
  readonly version: string;
  readonly status: Status;
  readonly stores: readonly StoreState[];
  /** Null while the history cannot be read and never could be. */
  readonly figures: Figures | null;
  readonly isHistoryUp: boolean;
  readonly live: readonly LiveRun[];
  readonly channels: readonly ChannelState[];
  readonly requests: HttpRequests;
  readonly startedAt: Date;
}

/** Every metric of the service. `docs/monitoring.md` and the alert rules name them. */
export function metricsOf(measured: Measured): readonly Metric[] {
  return [...planMetrics(measured), ...runMetrics(measured), ...storeMetrics(measured), ...serviceMetrics(measured)];
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `holdfast_${name}`, help, type: 'gauge', samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `holdfast_${name}`, help, type: 'counter', samples };
}

const seconds = (ms: number): number => ms / 1000;
const secondsOf = (instant: string | Date): number => seconds(new Date(instant).getTime());
const flag = (isTrue: boolean): number => (isTrue ? 1 : 0);

const healthNumber = { healthy: 0, warning: 1, critical: 2 } as const;

function planMetrics({ status }: Measured): readonly Metric[] {
  const perPlan = (value: (plan: Status['plans'][number]) => number | null): Sample[] =>
    status.plans.flatMap((plan) => {
      const found = value(plan);
      return found === null ? [] : [{ labels: { plan: plan.name }, value: found }];
    });
  const orNull = (ms: number | null | undefined): number | null => (ms === null || ms === undefined ? null : seconds(ms));
  return [
    gauge(
      'plan_health',
      'Whether the plan protects what it promises to: 0 healthy, 1 warning, 2 critical',
      perPlan(({ health }) => healthNumber[health]),
    ),
    gauge(
      'newest_verified_snapshot_timestamp_seconds',
      'When the newest snapshot that is whole and verified was made; absent when there is none',
      perPlan(({ provenAt }) => (provenAt === null ? null : secondsOf(provenAt))),
    ),
    gauge(
      'last_snapshot_bytes',
      'Size of the newest snapshot',
      perPlan(({ newest }) => newest?.sizeBytes ?? null),
    ),
    gauge(
      'rpo_objective_seconds',
      'How old the newest verified snapshot may be',
      perPlan(({ objectives }) => orNull(objectives.rpoMs)),
    ),
    gauge(
      'rto_objective_seconds',
      'How long a restore may take',
      perPlan(({ objectives }) => orNull(objectives.rtoMs)),
    ),
    gauge(
      'last_drill_timestamp_seconds',
      'When the last drill began',
      perPlan(({ lastDrill }) => (lastDrill === null ? null : secondsOf(lastDrill.at))),
    ),
    gauge(
      'last_drill_success',
      'Whether the last drill restored everything and found it equal',
      perPlan(({ lastDrill }) => (lastDrill === null || lastDrill.outcome === null ? null : flag(lastDrill.outcome === 'succeeded'))),
    ),
    gauge(
      'last_drill_rto_seconds',
      'How long the restore of the last drill took',
      perPlan(({ lastDrill }) => orNull(lastDrill?.rtoMs)),
    ),
    gauge(
      'next_run_timestamp_seconds',
      'When the schedule starts the next run',
      status.plans.flatMap(({ next }) => earliest(next).map(({ plan, verb, at }) => ({ labels: { plan, verb }, value: secondsOf(at) }))),
    ),
  ];
}

/** A plan's next runs may name a verb several times. */
function earliest<T extends { readonly verb: string; readonly at: string }>(runs: readonly T[]): readonly T[] {
  return [...Map.groupBy(runs, ({ verb }) => verb).values()].flatMap((same) => same.toSorted((a, b) => (a.at < b.at ? -1 : 1)).slice(0, 1));
}

function runMetrics({ figures, live, status }: Measured): readonly Metric[] {
  const ended = (figures?.lastRuns ?? []).flatMap(({ plan, verb, startedAt, end }) =>
    plan === null || end === null ? [] : [{ labels: { plan, verb }, startedAt, end }],
  );
  const totals = (figures?.totals ?? []).map(({ plan, ...total }) => ({ ...total, plan: plan ?? '' }));
  const running = live.filter(({ state }) => state === 'running').map(({ request }) => request);
  const verbs = ['backup', 'verify', 'drill', 'restore', 'expire', 'copy', 'delete'] as const;
  const inProgress = status.plans.flatMap(({ name }) =>
    verbs.map((verb) => ({
      labels: { plan: name, verb },
      value: running.filter((request) => request.plan === name && request.verb === verb).length,
    })),
  );
  return [
    gauge(
      'last_run_timestamp_seconds',
      'When the last run that ended began',
      ended.map(({ labels, startedAt }) => ({ labels, value: secondsOf(startedAt) })),
    ),
    gauge(
      'last_run_success',
      'Whether the last run that ended succeeded; a degraded one did not',
      ended.map(({ labels, end }) => ({ labels, value: flag(end.outcome === 'succeeded') })),
    ),
    gauge(
      'last_run_duration_seconds',
      'How long the last run that ended took',
      ended.map(({ labels, startedAt, end }) => ({ labels, value: seconds(end.endedAt.getTime() - startedAt.getTime()) })),
    ),
    gauge('run_in_progress', 'How many runs go on', inProgress),
    counter(
      'runs_total',
      'Runs that ended, since the history began',
      totals.map(({ plan, verb, outcome, count }) => ({ labels: { plan, verb, outcome }, value: count })),
    ),
    counter(
      'run_duration_seconds_total',
      'Time that runs took, since the history began',
      [...Map.groupBy(totals, ({ plan, verb }) => JSON.stringify([plan, verb])).values()].flatMap((same) =>
        same.slice(0, 1).map(({ plan, verb }) => ({
          labels: { plan, verb },
          value: seconds(same.reduce((sum, { durationMs }) => sum + durationMs, 0)),
        })),
      ),
    ),
  ];
}

function storeMetrics({ figures, stores }: Measured): readonly Metric[] {
  const kept = figures?.kept ?? [];
  const perStore = (value: (store: StoreState) => number | null): Sample[] =>
    stores.flatMap((store) => {
      const found = value(store);
      return found === null ? [] : [{ labels: { store: store.name }, value: found }];
    });
  const labelsOf = ({ plan, store }: { readonly plan: string; readonly store: string }) => ({ plan, store });
  return [
    gauge(
      'newest_snapshot_timestamp_seconds',
      'When the newest snapshot in the store was made, verified or not',
      kept.map((one) => ({ labels: labelsOf(one), value: secondsOf(one.newestAt) })),
    ),
    gauge(
      'snapshots',
      'Snapshots in the store',
      kept.map((one) => ({ labels: labelsOf(one), value: one.snapshots })),
    ),
    gauge(
      'snapshot_bytes',
      'Size of all snapshots in the store',
      kept.map((one) => ({ labels: labelsOf(one), value: one.sizeBytes })),
    ),
    gauge(
      'store_up',
      'Whether the store could be reached when it was last asked',
      perStore(({ reachable }) => (reachable === null ? null : flag(reachable))),
    ),
    gauge(
      'store_free_bytes',
      'Space left where the store lies; absent where the place cannot tell',
      perStore(({ freeBytes }) => freeBytes),
    ),
    gauge(
      'store_size_bytes',
      'Space in all where the store lies; absent where the place cannot tell',
      perStore(({ totalBytes }) => totalBytes),
    ),
  ];
}

function serviceMetrics({ version, isHistoryUp, channels, requests, startedAt }: Measured): readonly Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    gauge('build_info', 'The version that runs; always 1', [{ labels: { version }, value: 1 }]),
    gauge('history_up', 'Whether the history can be read', [{ value: flag(isHistoryUp) }]),
    gauge(
      'notifications_failing',
      'Whether the channel took nothing since it last failed',
      channels.map((state) => ({ labels: { plan: state.plan ?? '', channel: state.channel }, value: flag(isFailing(state)) })),
    ),
    counter(
      'http_requests_total',
      'Requests that were answered, by method and status',
      requests.counts().map(({ method, code, count }) => ({ labels: { method, code }, value: count })),
    ),
    {
      name: 'process_resident_memory_bytes',
      help: 'Resident memory of the service',
      type: 'gauge',
      samples: [{ value: process.memoryUsage.rss() }],
    },
    {
      name: 'process_cpu_seconds_total',
      help: 'Processor time of the service, its workers left out',
      type: 'counter',
      samples: [{ value: (user + system) / 1_000_000 }],
    },
    { name: 'process_start_time_seconds', help: 'When the service started', type: 'gauge', samples: [{ value: secondsOf(startedAt) }] },
  ];
}

function isFailing({ lastFailedAt, lastDeliveredAt }: ChannelState): boolean {
  return lastFailedAt !== null && (lastDeliveredAt === null || lastDeliveredAt < lastFailedAt);
}
