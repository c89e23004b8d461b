import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useAct, useLoaded } from './api.ts';
import { Chart, Timeline } from './chart.tsx';
import { now } from './clock.ts';
import { CopyRow } from './copies.tsx';
import { ExpireDialog } from './expire.tsx';
import { Icon } from './icons.tsx';
import { Progress } from './progress.tsx';
import { hrefOf } from './router.ts';
import { RunList } from './run-list.tsx';
import { goingOn, may, useSession } from './session.ts';
import type { NextRun, Page as PageOf, PlanStatus, Run, Series, Snapshot } from './shapes.ts';
import { SnapshotList } from './snapshot-list.tsx';
import { startRun } from './start.ts';
import { healthShown } from './states.ts';
import { Ago, Button, Empty, Meter, Page, Pill, Section, Trouble } from './ui.tsx';
import { bytesInWords, counted, durationInWords, momentInWords, spanInWords, verbInWords } from './words.ts';

export function PlanPage({ name }: { readonly name: string }): JSX.Element {
  const session = useSession();
  const plan = session.status.plans.find((each) => each.name === name);
  if (plan === undefined) {
    return (
      <Page title={name} up={{ to: '/', name: 'Overview' }}>
        <Empty>There is no plan of this name.</Empty>
      </Page>
    );
  }
  const running = goingOn(session, name);
  return (
    <Page
      title={name}
      up={{ to: '/', name: 'Overview' }}
      aside={<Pill shown={healthShown(plan.health)} />}
      lead={
        <>
          {plan.sources.map((source) => source.name).join(', ')} <span class="soft">kept in {plan.stores.join(', ')}</span>
        </>
      }
      actions={may(session.me, 'operator') ? <PlanActs plan={plan} running={running} /> : undefined}
    >
      <Reasons plan={plan} />
      {running.map((run) => (
        <a key={run.id} class="running card" href={hrefOf(`/runs/${run.id}`)}>
          <Progress run={run} />
        </a>
      ))}
      <Objectives plan={plan} />
      <Past plan={plan} />
      <Future plan={plan} />
      <Copies plan={plan} />
      <Snapshots plan={name} newest={plan.newest?.id} />
      <Recent plan={name} running={running.length} />
    </Page>
  );
}

function PlanActs({ plan, running }: { readonly plan: PlanStatus; readonly running: readonly Run[] }): JSX.Element {
  const backup = useAct();
  const drill = useAct();
  const [previews, setPreviews] = useState(false);
  const blocked = running.length > 0 ? 'a run of this plan goes on' : null;
  return (
    <>
      <Button
        kind="primary"
        icon="play"
        busy={backup.busy}
        blocked={blocked}
        onClick={() => backup.run(() => startRun(`plans/${plan.name}/backups`))}
      >
        Back up now
      </Button>
      <Button
        busy={drill.busy}
        blocked={blocked ?? (plan.newest === null ? 'there is no snapshot yet' : null)}
        onClick={() => drill.run(() => startRun(`plans/${plan.name}/drills`))}
      >
        Try a restore
      </Button>
      <Button onClick={() => setPreviews(true)}>What would expire</Button>
      <Trouble error={backup.error ?? drill.error} />
      {previews ? <ExpireDialog plan={plan.name} onClose={() => setPreviews(false)} /> : null}
    </>
  );
}

function Reasons({ plan }: { readonly plan: PlanStatus }): JSX.Element | null {
  if (plan.reasons.length === 0) return null;
  return (
    <ul class="needs">
      {plan.reasons.map((reason) => (
        <li key={`${reason.code} ${reason.message}`} class={`notice ${reason.severity === 'critical' ? 'bad' : 'warn'}`}>
          <Icon name={reason.severity === 'critical' ? 'critical' : 'warning'} />
          <div>
            <p class="notice-title">{reason.message}</p>
            <p>{reason.action}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}

/** What was promised against what is: how old the newest proven copy is, how long a restore takes. */
function Objectives({ plan }: { readonly plan: PlanStatus }): JSX.Element {
  const ageMs = plan.provenAt === null ? null : now().getTime() - Date.parse(plan.provenAt);
  const rtoMs = plan.lastDrill?.rtoMs ?? null;
  return (
    <div class="tiles">
      <Tile
        title="Newest proven copy"
        value={ageMs === null ? 'none' : `${spanInWords(ageMs)} old`}
        valueMs={ageMs}
        goalMs={plan.objectives.rpoMs}
        goal="at most %s old"
      />
      <Tile
        title="Time to restore"
        value={rtoMs === null ? 'not tried' : durationInWords(rtoMs)}
        valueMs={rtoMs}
        goalMs={plan.objectives.rtoMs}
        goal="at most %s"
        note={
          plan.lastDrill === null ? undefined : (
            <>
              last tried <Ago at={plan.lastDrill.at} />
            </>
          )
        }
      />
      <Tile
        title="Kept"
        value={counted(plan.snapshots, 'snapshot')}
        valueMs={null}
        goalMs={null}
        goal=""
        note={<>{bytesInWords(plan.sizeBytes)} in all</>}
      />
    </div>
  );
}

interface TileProps {
  readonly title: string;
  readonly value: string;
  readonly valueMs: number | null;
  readonly goalMs: number | null;
  readonly goal: string;
  readonly note?: JSX.Element | undefined;
}

function Tile({ title, value, valueMs, goalMs, goal, note }: TileProps): JSX.Element {
  const isMissed = goalMs !== null && (valueMs === null || valueMs > goalMs);
  return (
    <div class="tile">
      <p class="tile-title">{title}</p>
      <p class={isMissed ? 'tile-value bad' : 'tile-value'}>{value}</p>
      {goalMs === null ? null : (
        <>
          <Meter label={title} share={(valueMs ?? goalMs) / goalMs} tone={isMissed ? 'bad' : 'good'} words={value} />
          <p class="small soft">
            {isMissed ? 'Missed: ' : 'Goal: '}
            {goal.replace('%s', durationInWords(goalMs))}
          </p>
        </>
      )}
      {note === undefined ? null : <p class="small soft">{note}</p>}
    </div>
  );
}

function Past({ plan }: { readonly plan: PlanStatus }): JSX.Element {
  const { data, error, reload } = useLoaded<Series>(`plans/${plan.name}/series?days=90`);
  useEffect(reload, [plan.lastRun?.id]);
  const backups = (data?.points ?? []).filter(({ rtoMs }) => rtoMs === null);
  const figures = (pick: (point: Series['points'][number]) => number | null) =>
    backups.flatMap((point) => {
      const value = pick(point);
      return value === null ? [] : [{ at: point.at, value }];
    });
  return (
    <Section title="The last 90 days">
      <Trouble error={error} retry={reload} />
      <div class="card">
        <Timeline points={data?.points ?? []} days={90} />
        <ul class="legend" aria-hidden="true">
          <li>
            <i class="good" /> succeeded
          </li>
          <li>
            <i class="warn" /> incomplete
          </li>
          <li>
            <i class="bad" /> failed
          </li>
          <li>
            <i class="quiet" /> no run
          </li>
        </ul>
      </div>
      <div class="pair">
        <div class="card">
          <Chart title="Size" points={figures(({ sizeBytes }) => sizeBytes)} words={bytesInWords} />
        </div>
        <div class="card">
          <Chart title="Duration" points={figures(({ durationMs }) => durationMs)} words={durationInWords} />
        </div>
      </div>
    </Section>
  );
}

function Future({ plan }: { readonly plan: PlanStatus }): JSX.Element {
  const [isMore, setMore] = useState(false);
  const more = useLoaded<PageOf<NextRun>>(isMore ? `plans/${plan.name}/schedule?count=10` : null);
  const runs = more.data?.items ?? plan.next;
  return (
    <Section title="Next">
      {runs.length === 0 ? <Empty>Nothing is scheduled. Add a schedule to the plan, and it runs by itself.</Empty> : null}
      <ul class="rows">
        {runs.map((run) => (
          <li key={`${run.verb} ${run.at}`} class="row still">
            <span class="row-main">
              <span class="row-title">
                {verbInWords(run.verb)} <span class="soft">{momentInWords(run.at, now())}</span>
              </span>
              <span class="row-note">{run.why}</span>
            </span>
          </li>
        ))}
      </ul>
      <Trouble error={more.error} />
      {runs.length > 0 && !isMore ? (
        <Button kind="quiet" onClick={() => setMore(true)}>
          Show the next ten
        </Button>
      ) : null}
    </Section>
  );
}

function Copies({ plan }: { readonly plan: PlanStatus }): JSX.Element {
  return (
    <Section title="Where it lies" note={<a href={hrefOf('/stores')}>Stores</a>}>
      <ul class="rows">
        {plan.copies.map((copy) => (
          <CopyRow key={copy.store} plan={plan} copy={copy} title={<>{copy.store}</>} />
        ))}
      </ul>
    </Section>
  );
}

function Snapshots({ plan, newest }: { readonly plan: string; readonly newest: string | undefined }): JSX.Element {
  const { data, error, reload } = useLoaded<PageOf<Snapshot>>(`snapshots?plan=${plan}&limit=10`);
  useEffect(reload, [newest]);
  return (
    <Section title="Snapshots" note={<a href={hrefOf(`/plans/${plan}/snapshots`)}>All of them</a>}>
      <Trouble error={error} retry={reload} />
      {data?.items.length === 0 ? <Empty>None yet. The first backup makes one.</Empty> : null}
      <SnapshotList snapshots={data?.items ?? []} />
    </Section>
  );
}

function Recent({ plan, running }: { readonly plan: string; readonly running: number }): JSX.Element {
  const { data, error, reload } = useLoaded<PageOf<Run>>(`runs?plan=${plan}&limit=10`);
  useEffect(reload, [running]);
  return (
    <Section title="Runs" note={<a href={hrefOf(`/plans/${plan}/runs`)}>All of them</a>}>
      <Trouble error={error} retry={reload} />
      {data?.items.length === 0 ? <Empty>Nothing has run yet.</Empty> : null}
      <RunList runs={data?.items ?? []} withPlan={false} />
    </Section>
  );
}
