import type { JSX } from 'preact';
import { Icon } from './icons.tsx';
import { hrefOf } from './router.ts';
import type { Snapshot } from './shapes.ts';
import { proofShown } from './states.ts';
import { Ago, Pill } from './ui.tsx';
import { bytesInWords, instantInWords } from './words.ts';

/** Snapshots one below the other; the same snapshot in several stores is one row. */
export function SnapshotList({ snapshots }: { readonly snapshots: readonly Snapshot[] }): JSX.Element {
  const byId = new Map<string, Snapshot[]>();
  for (const snapshot of snapshots) byId.set(snapshot.id, [...(byId.get(snapshot.id) ?? []), snapshot]);
  return (
    <ul class="rows">
      {[...byId.values()].map((copies) => (
        <SnapshotRow key={copies[0]?.id} copies={copies} />
      ))}
    </ul>
  );
}

function SnapshotRow({ copies }: { readonly copies: readonly Snapshot[] }): JSX.Element | null {
  const [first] = copies;
  if (first === undefined) return null;
  const damaged = copies.find(({ verification }) => verification.kind === 'failed');
  const notes = [
    first.description,
    bytesInWords(first.sizeBytes),
    `in ${copies.map(({ store }) => store).join(', ')}`,
    first.encrypted ? 'encrypted' : null,
  ];
  return (
    <li>
      <a class="row" href={hrefOf(`/snapshots/${first.id}`)}>
        <span class="row-main">
          <span class="row-title">{instantInWords(first.createdAt)}</span>
          <span class="row-note">{notes.filter((note) => note !== null && note !== '').join(' · ')}</span>
        </span>
        <span class="row-end">
          <Pill shown={proofShown(damaged ?? first)} />
          <span class="row-when">
            <Ago at={first.createdAt} />
          </span>
        </span>
        <Icon name="right" size={16} />
      </a>
    </li>
  );
}
