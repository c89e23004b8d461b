import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useAct, useLoaded } from './api.ts';
import { Browser } from './browse.tsx';
import { DeleteDialog } from './delete.tsx';
import { Icon } from './icons.tsx';
import { hrefOf } from './router.ts';
import { may, useSession } from './session.ts';
import type { SnapshotDetail } from './shapes.ts';
import { startRun } from './start.ts';
import { proofShown } from './states.ts';
import { Ago, Button, Copyable, DownloadLink, Facts, Loading, Page, Pill, Section, Trouble } from './ui.tsx';
import { bytesInWords, counted, instantInWords } from './words.ts';

export function SnapshotPage({ id }: { readonly id: string }): JSX.Element {
  const { me } = useSession();
  const { data, error, reload } = useLoaded<SnapshotDetail>(`snapshots/${id}`);
  if (data === undefined) {
    return (
      <Page title="Snapshot" up={{ to: '/', name: 'Overview' }}>
        <Trouble error={error} retry={reload} />
        {error === undefined ? <Loading /> : null}
      </Page>
    );
  }
  return (
    <Page
      title={instantInWords(data.createdAt)}
      up={{ to: `/plans/${data.plan}`, name: data.plan }}
      aside={<Pill shown={proofShown(data)} />}
      lead={data.description ?? <span class="soft">{data.id}</span>}
      actions={<SnapshotActs snapshot={data} />}
    >
      <Findings snapshot={data} />
      <About snapshot={data} />
      <Units snapshot={data} />
      {may(me, 'operator') ? <Browser snapshot={data.id} /> : null}
      <Parts snapshot={data} />
      <Section title="Without Holdfast" note="these commands restore it anywhere">
        <Copyable label="Commands that restore this snapshot" text={data.restore.join('\n')} />
      </Section>
    </Page>
  );
}

function SnapshotActs({ snapshot }: { readonly snapshot: SnapshotDetail }): JSX.Element | null {
  const { me } = useSession();
  const verify = useAct();
  const drill = useAct();
  const [deletes, setDeletes] = useState(false);
  if (!may(me, 'operator')) return null;
  const isAdministrator = may(me, 'administrator');
  return (
    <>
      {isAdministrator ? (
        <a class="button primary" href={hrefOf(`/restore/${snapshot.id}`)}>
          Restore …
        </a>
      ) : null}
      <Button busy={verify.busy} onClick={() => verify.run(() => startRun(`snapshots/${snapshot.id}/verify`))}>
        Verify
      </Button>
      <Button busy={drill.busy} onClick={() => drill.run(() => startRun(`plans/${snapshot.plan}/drills`, { snapshot: snapshot.id }))}>
        Try a restore
      </Button>
      {isAdministrator ? (
        <Button kind="quiet" onClick={() => setDeletes(true)}>
          Delete …
        </Button>
      ) : null}
      <Trouble error={verify.error ?? drill.error} />
      {deletes ? <DeleteDialog snapshot={snapshot} onClose={() => setDeletes(false)} /> : null}
    </>
  );
}

function Findings({ snapshot }: { readonly snapshot: SnapshotDetail }): JSX.Element | null {
  const { verification, issues } = snapshot;
  if (verification.findings.length === 0 && issues.length === 0) return null;
  return (
    <ul class="needs">
      {verification.findings.map((finding) => (
        <li key={finding} class="notice bad">
          <Icon name="critical" />
          <p class="notice-title">{finding}</p>
        </li>
      ))}
      {issues.map((issue) => (
        <li key={`${issue.unit} ${issue.subject} ${issue.problem}`} class={`notice ${issue.severity === 'loss' ? 'warn' : 'quiet'}`}>
          <Icon name={issue.severity === 'loss' ? 'warning' : 'list'} />
          <div>
            <p class="notice-title">
              {issue.subject}: {issue.problem}
            </p>
            <p>{issue.detail}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}

function About({ snapshot }: { readonly snapshot: SnapshotDetail }): JSX.Element {
  return (
    <Facts
      rows={[
        ['Made', <Ago at={snapshot.createdAt} />],
        ['Size', bytesInWords(snapshot.sizeBytes)],
        ['Encrypted', snapshot.encrypted ? 'yes' : 'no'],
        ['From', snapshot.host],
        ...snapshot.stores.map(
          ({ store, verification }) =>
            [
              `In ${store}`,
              verification.at === null ? (
                'not verified yet'
              ) : (
                <>
                  {verification.kind === 'passed' ? 'verified' : 'found damaged'} <Ago at={verification.at} />
                </>
              ),
            ] as const,
        ),
      ]}
    />
  );
}

function Units({ snapshot }: { readonly snapshot: SnapshotDetail }): JSX.Element {
  return (
    <Section title="What is in it">
      <ul class="rows">
        {snapshot.units.map((unit) => (
          <li key={unit.name} class="row still">
            <Icon name={unit.content === 'dump' ? 'database' : 'folder'} />
            <span class="row-main">
              <span class="row-title">{unit.database ?? unit.name}</span>
              <span class="row-note">{inUnit(unit)}</span>
            </span>
            <span class="row-end">{bytesInWords(unit.sizeBytes)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function inUnit(unit: SnapshotDetail['units'][number]): string {
  const parts = [
    unit.host === null ? unit.source : `${unit.source} on ${unit.host}`,
    unit.tables === null ? '' : counted(unit.tables, 'table'),
    unit.rows === null ? '' : counted(unit.rows, 'row'),
    unit.files === null ? '' : counted(unit.files, 'file'),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

function Parts({ snapshot }: { readonly snapshot: SnapshotDetail }): JSX.Element {
  const { me } = useSession();
  return (
    <Section title="Archives">
      <ul class="rows">
        {snapshot.parts.map((part) => (
          <li key={part.name} class="row still">
            <span class="row-main">
              <span class="row-title mono">{part.name}</span>
              <span class="row-note mono digest">SHA-256 {part.sha256}</span>
            </span>
            <span class="row-end">{bytesInWords(part.sizeBytes)}</span>
            {may(me, 'operator') ? (
              <DownloadLink href={`snapshots/${snapshot.id}/files/${encodeURIComponent(part.name)}`} name={part.name} />
            ) : null}
          </li>
        ))}
      </ul>
    </Section>
  );
}
