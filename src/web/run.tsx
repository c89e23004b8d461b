import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, useAct, useLoaded } from './api.ts';
import { Progress } from './progress.tsx';
import { hrefOf } from './router.ts';
import { may, useSession } from './session.ts';
import type { Run, RunDetail, StreamEvents } from './shapes.ts';
import { startRun } from './start.ts';
import { runShown } from './states.ts';
import { useStream } from './stream.ts';
import { Ago, Button, Empty, Facts, Loading, Page, Pill, Section, Trouble } from './ui.tsx';
import { bytesInWords, durationInWords, instantInWords, startedBy, verbInWords } from './words.ts';

type LogLine = RunDetail['log'][number];
const keptLines = 500;

export function RunPage({ id }: { readonly id: string }): JSX.Element {
  const { data, error, reload } = useLoaded<RunDetail>(`runs/${id}`);
  const [told, setTold] = useState<Run | undefined>();
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const run: Run | undefined = told?.id === id ? told : data;
  const isOver = run?.state === 'ended';
  useStream(
    data === undefined || data.state === 'ended' || isOver ? null : `runs/${id}/events`,
    { run: setTold, log: (line) => setLines((before) => [...before, line].slice(-keptLines)) },
    reload,
  );
  // The end brings what the stream does not carry: the details.
  useEffect(() => {
    if (isOver) reload();
  }, [isOver]);
  if (run === undefined || data === undefined) {
    return (
      <Page title="Run" up={{ to: '/runs', name: 'Runs' }}>
        <Trouble error={error} retry={reload} />
        {error === undefined ? <Loading /> : null}
      </Page>
    );
  }
  const plan = run.plan;
  return (
    <Page
      title={plan === null ? verbInWords(run.verb) : `${verbInWords(run.verb)} of ${plan}`}
      up={plan === null ? { to: '/runs', name: 'Runs' } : { to: `/plans/${plan}`, name: plan }}
      aside={<Pill shown={runShown(run)} />}
      lead={
        <>
          Started <Ago at={run.startedAt} /> {startedBy(run)}
        </>
      }
      actions={run.state === 'ended' ? <Again run={run} /> : <Cancel run={run} />}
    >
      {run.state === 'ended' ? null : (
        <div class="card">
          <Progress run={run} />
        </div>
      )}
      <Failure run={run} />
      <Outcome run={run} />
      <Figures details={data.details} />
      <Log lines={merged(data.log, lines)} isOver={run.state === 'ended'} />
    </Page>
  );
}

function merged(known: readonly LogLine[], told: StreamEvents['log'][] | readonly LogLine[]): readonly LogLine[] {
  const last = known.at(-1)?.at ?? '';
  return [...known, ...told.filter(({ at }) => at > last)].slice(-keptLines);
}

function Cancel({ run }: { readonly run: Run }): JSX.Element | null {
  const { me } = useSession();
  const act = useAct();
  if (!may(me, 'operator')) return null;
  return (
    <>
      <Button busy={act.busy} onClick={() => act.run(async () => void (await call(`runs/${run.id}/cancel`, { method: 'POST' })))}>
        Cancel
      </Button>
      <Trouble error={act.error} />
    </>
  );
}

/** What most people want next once they mended what the failure names. */
function Again({ run: { verb, plan, outcome } }: { readonly run: Run }): JSX.Element | null {
  const { me } = useSession();
  const act = useAct();
  if (verb !== 'backup' || plan === null || outcome === 'succeeded' || !may(me, 'operator')) return null;
  return (
    <>
      <Button kind="primary" icon="play" busy={act.busy} onClick={() => act.run(() => startRun(`plans/${plan}/backups`))}>
        Back up again
      </Button>
      <Trouble error={act.error} />
    </>
  );
}

function Failure({ run }: { readonly run: Run }): JSX.Element | null {
  if (run.error === null) return null;
  return (
    <div class={`notice ${run.outcome === 'failed' ? 'bad' : 'warn'}`}>
      <div>
        <p class="notice-title">{run.error.message}</p>
        <p>{run.error.hint}</p>
        <p class="small">
          <a href={hrefOf(`/docs#${run.error.code}`)}>{run.error.code}</a>
        </p>
      </div>
    </div>
  );
}

function Outcome({ run }: { readonly run: Run }): JSX.Element {
  const due = run.trigger?.dueAt ?? null;
  return (
    <Facts
      rows={[
        ['Started', instantInWords(run.startedAt)],
        run.endedAt === null ? null : ['Ended', instantInWords(run.endedAt)],
        run.durationMs === null ? null : ['Took', durationInWords(run.durationMs)],
        run.sizeBytes === null ? null : ['Size', bytesInWords(run.sizeBytes)],
        run.file === null ? null : ['Archive', <code>{run.file}</code>],
        run.snapshotId === null ? null : ['Snapshot', <a href={hrefOf(`/snapshots/${run.snapshotId}`)}>{run.snapshotId}</a>],
        due === null ? null : ['Was due', instantInWords(due)],
      ]}
    />
  );
}

/** What the operation itself reported, for those who want it all. */
function Figures({ details }: { readonly details: RunDetail['details'] }): JSX.Element | null {
  if (Object.keys(details).length === 0) return null;
  return (
    <details class="more">
      <summary>Full report</summary>
      <pre tabIndex={0}>{JSON.stringify(details, null, 2)}</pre>
    </details>
  );
}

function Log({ lines, isOver }: { readonly lines: readonly LogLine[]; readonly isOver: boolean }): JSX.Element | null {
  const end = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const list = end.current;
    if (list !== null && !isOver) list.scrollTop = list.scrollHeight;
  }, [lines.length]);
  if (lines.length === 0 && isOver) return null;
  return (
    <Section title="Log">
      {lines.length === 0 ? <Empty>Nothing logged yet.</Empty> : null}
      <ol class="log" ref={end} tabIndex={0} aria-label="Log of this run">
        {lines.map((line) => (
          <li key={`${line.at} ${line.message}`} class={line.level}>
            <time dateTime={line.at}>{line.at.slice(11, 19)}</time>
            <span>{line.level === 'info' ? '' : `${line.level}: `}</span>
            {line.message}
          </li>
        ))}
      </ol>
    </Section>
  );
}
