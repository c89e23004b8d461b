import type { JSX } from 'preact';
import { Icon } from './icons.tsx';
import { Progress } from './progress.tsx';
import { hrefOf } from './router.ts';
import type { Run } from './shapes.ts';
import { runShown } from './states.ts';
import { Ago, Pill } from './ui.tsx';
import { bytesInWords, durationInWords, startedBy, verbInWords } from './words.ts';

/** Runs one below the other, each a link to its page. */
export function RunList({ runs, withPlan }: { readonly runs: readonly Run[]; readonly withPlan: boolean }): JSX.Element {
  return (
    <ul class="rows">
      {runs.map((run) => (
        <li key={run.id}>
          <a class="row" href={hrefOf(`/runs/${run.id}`)}>
            <span class="row-main">
              <span class="row-title">
                {verbInWords(run.verb)}
                {withPlan && run.plan !== null ? <span class="soft"> of {run.plan}</span> : null}
              </span>
              <span class="row-note">{run.error?.message ?? noteOf(run)}</span>
            </span>
            <span class="row-end">
              <Pill shown={runShown(run)} />
              <span class="row-when">
                <Ago at={run.startedAt} />
              </span>
            </span>
            <Icon name="right" size={16} />
          </a>
          {run.state === 'running' ? <Progress run={run} /> : null}
        </li>
      ))}
    </ul>
  );
}

function noteOf(run: Run): string {
  const parts = [
    run.sizeBytes === null ? '' : bytesInWords(run.sizeBytes),
    run.durationMs === null ? '' : `took ${durationInWords(run.durationMs)}`,
    startedBy(run),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}
