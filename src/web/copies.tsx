import type { JSX } from 'preact';
import type { PlanStatus } from './shapes.ts';
import type { Shown } from './states.ts';
import { Ago, Pill } from './ui.tsx';
import { bytesInWords, counted } from './words.ts';

type Copy = PlanStatus['copies'][number];

function copyShown({ snapshots, missed }: Copy): Shown {
  if (missed > 0) return { tone: 'warn', icon: 'warning', word: `${missed} missing` };
  return snapshots === 0 ? { tone: 'quiet', icon: 'clock', word: 'Empty' } : { tone: 'good', icon: 'check', word: 'Complete' };
}

interface CopyRowProps {
  readonly plan: PlanStatus;
  readonly copy: Copy;
  /** The plan or the store, whichever the page is not about. */
  readonly title: JSX.Element;
}

/** What a store holds of a plan, and what it lacks. */
export function CopyRow({ plan, copy, title }: CopyRowProps): JSX.Element {
  const isFirst = plan.stores[0] === copy.store;
  return (
    <li class="row still">
      <span class="row-main">
        <span class="row-title">
          {title} <span class="soft">{isFirst ? 'written first' : 'copy'}</span>
        </span>
        <span class="row-note">
          {counted(copy.snapshots, 'snapshot')}, {bytesInWords(copy.sizeBytes)}
          {copy.newest === null ? null : (
            <>
              , newest made <Ago at={copy.newest.createdAt} />
            </>
          )}
          {copy.missed > 0 ? '; the next backup copies what is missing' : ''}
        </span>
      </span>
      {isFirst ? null : (
        <span class="row-end">
          <Pill shown={copyShown(copy)} />
        </span>
      )}
    </li>
  );
}
