import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { useAct, useLoaded } from './api.ts';
import { Timeline } from './chart.tsx';
import { now } from './clock.ts';
import { Icon } from './icons.tsx';
import { Progress } from './progress.tsx';
import { hrefOf } from './router.ts';
import { RunList } from './run-list.tsx';
import { goingOn, may, useSession } from './session.ts';
import type { Alert, Page, PlanStatus, Run, Series, Status } from './shapes.ts';
import { startRun } from './start.ts';
import { healthShown } from './states.ts';
import { Ago, Button, Empty, Pill, Section, Trouble } from './ui.tsx';
import { bytesInWords, counted, durationInWords, momentInWords } from './words.ts';

/** Is my data safe, since when proven, what is next, what needs me. */
export function Overview(): JSX.Element {
  const { status } = useSession();
  const needs = needsOf(status);
  const recent = useLoaded<Page<Run>>('runs?limit=6');
  useEffect(() => {
    document.title = 'Holdfast';
  }, []);
  return (
    <>
      <Answer status={status} isDone={needs.length === 0} />
      <Needs needs={needs} />
      <Section title={status.plans.length === 1 ? 'Your plan' : 'Your plans'}>
        <div class="cards">
          {worstFirst(status.plans).map((plan) => (
            <PlanCard key={plan.name} plan={plan} />
          ))}
        </div>
      </Section>
      <Section title="Lately" note={<a href={hrefOf('/runs')}>All runs</a>}>
        {recent.data?.items.length === 0 ? <Empty>Nothing has run yet.</Empty> : null}
        <RunList runs={recent.data?.items ?? []} withPlan={status.plans.length > 1} />
        <Trouble error={recent.error} retry={recent.reload} />
      </Section>
    </>
  );
}

const ranks: Readonly<Record<Status['health'], number>> = { critical: 0, warning: 1, healthy: 2 };

function worstFirst(plans: readonly PlanStatus[]): readonly PlanStatus[] {
  return plans.toSorted((a, b) => ranks[a.health] - ranks[b.health]);
}

interface AnswerProps {
  readonly status: Status;
  /** True when nothing needs anybody. */
  readonly isDone: boolean;
}

function Answer({ status, isDone }: AnswerProps): JSX.Element {
  const { tone, icon, word } = healthShown(status.health);
  const next = status.plans
    .flatMap((plan) => plan.next)
    .toSorted((a, b) => a.at.localeCompare(b.at))
    .find(({ verb }) => verb === 'backup');
  return (
    <header class={`answer ${tone}`}>
      <span class="answer-icon">
        <Icon name={icon} size={34} />
      </span>
      <div>
        <p class="answer-word">{word}</p>
        <h1 tabIndex={-1}>{status.sentence}</h1>
        <p class="lead">
          <Proof status={status} />
          {next === undefined
            ? 'No backup is scheduled.'
            : `Next backup${status.plans.length > 1 ? ` of ${next.plan}` : ''} ${momentInWords(next.at, now())}.`}
          {isDone ? ' Nothing needs you.' : ''}
        </p>
      </div>
    </header>
  );
}

/** Where all is well, the sentence above has said it. */
function Proof({ status }: { readonly status: Status }): JSX.Element | null {
  if (status.health === 'healthy' || status.plans.length === 0) return null;
  const oldest = oldestProof(status.plans);
  if (oldest === null)
    return <>{status.plans.length === 1 ? 'No verified snapshot yet. ' : 'Not every plan has a verified snapshot yet. '}</>;
  return (
    <>
      Proven <Ago at={oldest} />.{' '}
    </>
  );
}

/** Safe is what the plan with the oldest proof is; null when one has none. */
function oldestProof(plans: readonly PlanStatus[]): string | null {
  const proofs = plans.map(({ provenAt }) => provenAt);
  return proofs.includes(null) ? null : (proofs.filter((at) => at !== null).toSorted()[0] ?? null);
}

interface Need {
  readonly severity: Alert['severity'];
  readonly plan: string | null;
  /** Where more is told of it. */
  readonly to: string;
  readonly message: string;
  readonly action: string | null;
}

const historyGone: Need = {
  severity: 'warning',
  plan: null,
  to: '/alerts',
  message: 'The history cannot be reached; backups go on, and it catches up by itself',
  action: 'Look whether its database runs.',
};

/** The worst first. */
function needsOf(status: Status): readonly Need[] {
  const reasons = status.plans.flatMap(({ name, reasons: list }) =>
    list.map((reason): Need => ({ ...reason, plan: name, to: `/plans/${name}` })),
  );
  const concerned = new Set(reasons.map(({ plan }) => plan));
  const alerts = status.alerts
    .filter(({ plan, subject, severity }) => severity !== 'info' && !(concerned.has(plan) && isOfHealth(subject)))
    .map((alert): Need => ({ ...alert, message: alert.title, to: placeOf(alert) }));
  const needs = [...reasons, ...alerts].toSorted((a, b) => a.severity.localeCompare(b.severity));
  return status.history === 'ok' ? needs : [historyGone, ...needs];
}

function Needs({ needs }: { readonly needs: readonly Need[] }): JSX.Element | null {
  if (needs.length === 0) return null;
  return (
    <Section title="What needs you">
      <ul class="needs">
        {needs.map((need) => (
          <NeedRow key={`${need.plan} ${need.message}`} need={need} />
        ))}
      </ul>
    </Section>
  );
}

/** What a plan's own reasons tell already, in other words. A store or a channel that fails is told by its alert alone. */
function isOfHealth(subject: string): boolean {
  return !/^(?:store|space|channel):/u.test(subject);
}

function placeOf({ plan, subject }: Alert): string {
  if (/^(?:store|space):/u.test(subject)) return '/stores';
  return plan === null || subject.startsWith('channel:') ? '/alerts' : `/plans/${plan}`;
}

function NeedRow({ need }: { readonly need: Need }): JSX.Element {
  const isBad = need.severity === 'critical';
  return (
    <li class={`notice ${isBad ? 'bad' : 'warn'}`}>
      <Icon name={isBad ? 'critical' : 'warning'} />
      <div>
        <p class="notice-title">
          {need.plan === null ? '' : `${need.plan}: `}
          {need.message}
        </p>
        {need.action === null ? null : <p>{need.action}</p>}
      </div>
      <a class="button quiet" href={hrefOf(need.to)} aria-label={`Details: ${need.message}`}>
        Details
      </a>
    </li>
  );
}

function PlanCard({ plan }: { readonly plan: PlanStatus }): JSX.Element {
  const session = useSession();
  const series = useLoaded<Series>(`plans/${plan.name}/series?days=30`);
  const running = goingOn(session, plan.name);
  const act = useAct();
  const next = plan.next[0];
  return (
    <article class="card">
      <div class="card-head">
        <h3>
          <a href={hrefOf(`/plans/${plan.name}`)}>{plan.name}</a>
        </h3>
        <Pill shown={healthShown(plan.health)} />
      </div>
      <p class="soft">{sourcesInWords(plan)}</p>
      <dl class="figures-row">
        <div>
          <dt>Proven</dt>
          <dd>
            <Ago at={plan.provenAt} none="not yet" />
          </dd>
        </div>
        <div>
          <dt>Next</dt>
          <dd>{next === undefined ? 'not scheduled' : momentInWords(next.at, now())}</dd>
        </div>
        <div>
          <dt>Kept</dt>
          <dd>
            {counted(plan.snapshots, 'snapshot')} <span class="soft">{bytesInWords(plan.sizeBytes)}</span>
          </dd>
        </div>
        <div>
          <dt>Restore tried</dt>
          <dd>{drillInWords(plan)}</dd>
        </div>
      </dl>
      <Timeline points={series.data?.points ?? []} days={30} />
      {running.map((run) => (
        <a key={run.id} class="running" href={hrefOf(`/runs/${run.id}`)}>
          <Progress run={run} />
        </a>
      ))}
      <Trouble error={act.error} />
      {may(session.me, 'operator') ? (
        <div class="card-foot">
          <Button
            kind={plan.health === 'healthy' || running.length > 0 ? 'plain' : 'primary'}
            busy={act.busy}
            blocked={running.length > 0 ? 'a run of this plan goes on' : null}
            onClick={() => act.run(() => startRun(`plans/${plan.name}/backups`))}
          >
            Back up now
          </Button>
          <a class="button quiet" href={hrefOf(`/plans/${plan.name}`)}>
            Details
          </a>
        </div>
      ) : null}
    </article>
  );
}

function drillInWords({ lastDrill }: PlanStatus): JSX.Element {
  if (lastDrill === null) return <>never</>;
  if (lastDrill.outcome !== 'succeeded') return <>{lastDrill.outcome ?? 'going on'}</>;
  return (
    <>
      <Ago at={lastDrill.at} /> {lastDrill.rtoMs === null ? null : <span class="soft">in {durationInWords(lastDrill.rtoMs)}</span>}
    </>
  );
}

/** `postgres app, files photos and 2 more`. */
function sourcesInWords({ sources, stores }: PlanStatus): string {
  const shown = sources.slice(0, 3).map(({ name }) => name);
  const more = sources.length - shown.length;
  return `${[...shown, ...(more > 0 ? [`${more} more`] : [])].join(', ')} → ${stores.join(', ')}`;
}
