import type { JSX } from 'preact';
import { Endless } from './endless.tsx';
import type { AuditEntry, Page as PageOf } from './shapes.ts';
import type { Shown } from './states.ts';
import { Ago, Page, Pill } from './ui.tsx';

const results: Readonly<Record<AuditEntry['result'], Shown>> = {
  done: { tone: 'good', icon: 'check', word: 'Done' },
  refused: { tone: 'warn', icon: 'dash', word: 'Refused' },
  failed: { tone: 'bad', icon: 'cross', word: 'Failed' },
};

export function AuditPage(): JSX.Element {
  return (
    <Page title="Audit" lead="Who did what, and what was refused.">
      <Endless path="audit?limit=50" itemsOf={(page: PageOf<AuditEntry>) => page.items} empty="Nobody has done anything yet.">
        {(entries) => (
          <ul class="rows">
            {entries.map((entry) => (
              <li key={entry.id} class="row still">
                <span class="row-main">
                  <span class="row-title">
                    {entry.actor} <span class="soft">{entry.act.replaceAll('-', ' ')}</span>
                  </span>
                  <span class="row-note">
                    {[entry.target, entry.address === '' ? null : `from ${entry.address}`].filter((note) => note !== null).join(' · ')}
                  </span>
                </span>
                <span class="row-end">
                  <Pill shown={results[entry.result]} />
                  <span class="row-when">
                    <Ago at={entry.at} />
                  </span>
                </span>
              </li>
            ))}
          </ul>
        )}
      </Endless>
    </Page>
  );
}
