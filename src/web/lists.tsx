import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Endless } from './endless.tsx';
import { RunList } from './run-list.tsx';
import type { Page as PageOf, Run, Snapshot } from './shapes.ts';
import { SnapshotList } from './snapshot-list.tsx';
import { outcomeShown } from './states.ts';
import { Page } from './ui.tsx';
import { verbInWords } from './words.ts';

const verbs = ['backup', 'verify', 'drill', 'restore', 'expire', 'copy', 'delete'] as const satisfies readonly Run['verb'][];
const outcomes = ['succeeded', 'degraded', 'failed', 'skipped', 'cancelled'] as const satisfies readonly NonNullable<Run['outcome']>[];

/** Every run, of one plan or of all, by what it was and how it ended. */
export function RunsPage({ plan }: { readonly plan?: string }): JSX.Element {
  const [verb, setVerb] = useState('');
  const [outcome, setOutcome] = useState('');
  const query = new URLSearchParams({
    ...(plan === undefined ? {} : { plan }),
    ...(verb === '' ? {} : { verb }),
    ...(outcome === '' ? {} : { outcome }),
    limit: '50',
  });
  return (
    <Page title="Runs" up={plan === undefined ? { to: '/', name: 'Overview' } : { to: `/plans/${plan}`, name: plan }}>
      <div class="filters">
        <label>
          What
          <select value={verb} onChange={(event) => setVerb(event.currentTarget.value)}>
            <option value="">everything</option>
            {verbs.map((each) => (
              <option key={each} value={each}>
                {verbInWords(each)}
              </option>
            ))}
          </select>
        </label>
        <label>
          How it ended
          <select value={outcome} onChange={(event) => setOutcome(event.currentTarget.value)}>
            <option value="">any way</option>
            {outcomes.map((each) => (
              <option key={each} value={each}>
                {outcomeShown(each).word}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Endless path={`runs?${query.toString()}`} itemsOf={(page: PageOf<Run>) => page.items} empty="No run is like this.">
        {(runs) => <RunList runs={runs} withPlan={plan === undefined} />}
      </Endless>
    </Page>
  );
}

export function SnapshotsPage({ plan }: { readonly plan: string }): JSX.Element {
  return (
    <Page title="Snapshots" up={{ to: `/plans/${plan}`, name: plan }}>
      <Endless path={`snapshots?plan=${plan}&limit=100`} itemsOf={(page: PageOf<Snapshot>) => page.items} empty="None yet.">
        {(snapshots) => <SnapshotList snapshots={snapshots} />}
      </Endless>
    </Page>
  );
}
