import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, newKey, useAct, useLoaded } from './api.ts';
import { Changes } from './changes.tsx';
import { navigate } from './router.ts';
import type { Confirmation, RestoreTarget, Run, SnapshotDetail } from './shapes.ts';
import { proofShown } from './states.ts';
import { Button, Field, Loading, Page, Pill, Section, Trouble } from './ui.tsx';
import { bytesInWords, instantInWords } from './words.ts';

type Kind = RestoreTarget['destination']['kind'];

const kinds: readonly { readonly kind: Kind; readonly title: string; readonly note: string }[] = [
  { kind: 'directory', title: 'Into an empty directory', note: 'Nothing live is touched. Look at it there, and take what you need.' },
  { kind: 'database', title: 'Into another database', note: 'For a test or a move. It is named by a reference that the service can read.' },
  {
    kind: 'in-place',
    title: 'In place of what is there now',
    note: 'It is loaded beside, compared, then swapped in; what was there is kept.',
  },
];

/** Where to, what of it, what would change, and only then the act itself. */
export function RestorePage({ id }: { readonly id: string }): JSX.Element {
  const { data, error, reload } = useLoaded<SnapshotDetail>(`snapshots/${id}`);
  return (
    <Page
      title="Restore"
      up={{ to: `/snapshots/${id}`, name: data === undefined ? 'Snapshot' : instantInWords(data.createdAt) }}
      aside={data === undefined ? undefined : <Pill shown={proofShown(data)} />}
      lead={data === undefined ? undefined : `From the snapshot of ${instantInWords(data.createdAt)}`}
    >
      <Trouble error={error} retry={reload} />
      {data === undefined && error === undefined ? <Loading /> : null}
      {data === undefined ? null : <Steps snapshot={data} />}
    </Page>
  );
}

function Steps({ snapshot }: { readonly snapshot: SnapshotDetail }): JSX.Element {
  const [kind, setKind] = useState<Kind>('directory');
  const [place, setPlace] = useState('');
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [confirmation, setConfirmation] = useState<Confirmation | undefined>();
  const act = useAct();
  const chosen = snapshot.units.filter(({ name }) => !left.has(name)).map(({ name }) => name);
  const target: RestoreTarget = {
    snapshot: snapshot.id,
    destination: destinationOf(kind, place),
    only: left.size === 0 ? [] : chosen,
  };
  const blocked = kind !== 'in-place' && place === '' ? 'say where to' : chosen.length === 0 ? 'choose something' : null;
  /** Whatever is chosen anew takes back what was confirmed. */
  const change = (work: () => void) => {
    work();
    setConfirmation(undefined);
    act.clear();
  };
  const preview = () =>
    act.run(async () => setConfirmation(await call('confirmations', { method: 'POST', body: { act: 'restore', target } })));
  return (
    <>
      <Section title="1. Where to">
        <Destination
          kind={kind}
          place={place}
          onKind={(next) => change(() => (setKind(next), setPlace('')))}
          onPlace={(next) => change(() => setPlace(next))}
        />
      </Section>
      <Section title="2. What">
        <Choice snapshot={snapshot} left={left} onLeft={(next) => change(() => setLeft(next))} />
      </Section>
      <Section title="3. What would change">
        {confirmation === undefined ? (
          <div class="stack">
            <p class="soft">{blocked === null ? 'Nothing happens yet: this only looks.' : `Before you can look: ${blocked}.`}</p>
            <Button kind="primary" busy={act.busy} blocked={blocked} onClick={preview}>
              Preview
            </Button>
            <Trouble error={act.error} />
          </div>
        ) : (
          <Confirm plan={snapshot.plan} target={target} confirmation={confirmation} again={() => change(() => undefined)} />
        )}
      </Section>
    </>
  );
}

function destinationOf(kind: Kind, place: string): RestoreTarget['destination'] {
  if (kind === 'directory') return { kind, directory: place };
  return kind === 'database' ? { kind, reference: place } : { kind };
}

interface DestinationProps {
  readonly kind: Kind;
  readonly place: string;
  readonly onKind: (kind: Kind) => void;
  readonly onPlace: (place: string) => void;
}

function Destination({ kind, place, onKind, onPlace }: DestinationProps): JSX.Element {
  return (
    <>
      <fieldset class="options">
        <legend class="unseen">Where to restore to</legend>
        {kinds.map((each) => (
          <label key={each.kind} class={each.kind === kind ? 'option chosen' : 'option'}>
            <input type="radio" name="destination" checked={each.kind === kind} onChange={() => onKind(each.kind)} />
            <span>
              <strong>{each.title}</strong>
              <span class="soft">{each.note}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {kind === 'directory' ? (
        <Field label="Directory" hint="On the machine that runs the service. It must be empty or not there yet.">
          {(ids) => <input {...ids} value={place} placeholder="/srv/restored" onInput={(event) => onPlace(event.currentTarget.value)} />}
        </Field>
      ) : null}
      {kind === 'database' ? (
        <Field
          label="Reference to its URL"
          hint="A variable, file or credential of the service; a URL with a password is never sent from here."
        >
          {(ids) => (
            <input {...ids} value={place} placeholder="${env:TARGET_URL}" onInput={(event) => onPlace(event.currentTarget.value)} />
          )}
        </Field>
      ) : null}
    </>
  );
}

interface ChoiceProps {
  readonly snapshot: SnapshotDetail;
  /** Names of units that are left out. */
  readonly left: ReadonlySet<string>;
  readonly onLeft: (left: ReadonlySet<string>) => void;
}

function Choice({ snapshot, left, onLeft }: ChoiceProps): JSX.Element {
  return (
    <fieldset class="options">
      <legend class="unseen">What to restore</legend>
      {snapshot.units.map((unit) => (
        <label key={unit.name} class={left.has(unit.name) ? 'option' : 'option chosen'}>
          <input
            type="checkbox"
            checked={!left.has(unit.name)}
            onChange={(event) => {
              const next = new Set(left);
              if (event.currentTarget.checked) next.delete(unit.name);
              else next.add(unit.name);
              onLeft(next);
            }}
          />
          <span>
            <strong>{unit.database ?? unit.name}</strong>
            <span class="soft">{bytesInWords(unit.sizeBytes)}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

interface ConfirmProps {
  readonly plan: string;
  readonly target: RestoreTarget;
  readonly confirmation: Confirmation;
  /** Back to the preview: a confirmation is good for one try. */
  readonly again: () => void;
}

function Confirm({ plan, target, confirmation, again }: ConfirmProps): JSX.Element {
  const act = useAct();
  const [key] = useState(newKey);
  const [typed, setTyped] = useState('');
  const restore = () =>
    act.run(async () => {
      const body = { ...target, confirmation: confirmation.confirmation };
      const run = await call<Run>('restores', { method: 'POST', body, key });
      navigate(`/runs/${run.id}`);
    });
  return (
    <div class="stack wide">
      <Changes changes={confirmation.changes} />
      <Field label={`Type “${plan}” to go on`} hint={`What you see above holds until ${instantInWords(confirmation.expiresAt)}.`}>
        {(ids) => <input {...ids} value={typed} autocomplete="off" onInput={(event) => setTyped(event.currentTarget.value)} />}
      </Field>
      <Button
        kind={target.destination.kind === 'in-place' ? 'danger' : 'primary'}
        busy={act.busy}
        blocked={typed === plan ? null : 'the name is not typed yet'}
        onClick={restore}
      >
        Restore now
      </Button>
      <Trouble error={act.error} />
      {act.error === undefined ? null : <Button onClick={again}>Preview again</Button>}
    </div>
  );
}
