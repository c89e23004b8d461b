import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Endless } from './endless.tsx';
import { Icon, type IconName } from './icons.tsx';
import type { Contents } from './shapes.ts';
import { Section } from './ui.tsx';
import { bytesInWords, counted, instantInWords } from './words.ts';

type Entry = Contents['entries'][number];

const icons: Readonly<Record<Entry['type'], IconName>> = {
  directory: 'folder',
  file: 'file',
  symlink: 'file',
  hardlink: 'file',
  other: 'file',
  database: 'database',
  table: 'table',
};

/** The tree of a snapshot, folder by folder. */
export function Browser({ snapshot }: { readonly snapshot: string }): JSX.Element {
  const [path, setPath] = useState('');
  return (
    <Section title="Look inside">
      <Crumbs path={path} go={setPath} />
      <Endless
        path={`snapshots/${snapshot}/contents?path=${encodeURIComponent(path)}`}
        itemsOf={(page: Contents) => page.entries}
        empty="Nothing is in here."
      >
        {(entries) => (
          <ul class="rows tight">
            {entries.map((entry) => (
              <EntryRow key={entry.path} entry={entry} open={() => setPath(entry.path)} />
            ))}
          </ul>
        )}
      </Endless>
    </Section>
  );
}

function Crumbs({ path, go }: { readonly path: string; readonly go: (path: string) => void }): JSX.Element | null {
  if (path === '') return null;
  const names = path.split('/');
  return (
    <nav class="crumbs" aria-label="Place in the snapshot">
      <button type="button" onClick={() => go('')}>
        Snapshot
      </button>
      {names.map((name, index) => {
        const to = names.slice(0, index + 1).join('/');
        if (name === '') return null;
        return index === names.length - 1 ? (
          <span key={to} aria-current="location">
            {name}
          </span>
        ) : (
          <button key={to} type="button" onClick={() => go(to)}>
            {name}
          </button>
        );
      })}
    </nav>
  );
}

interface EntryProps {
  readonly entry: Entry;
  readonly open: () => void;
}

function EntryRow({ entry, open }: EntryProps): JSX.Element {
  const opens = entry.type === 'directory' || entry.type === 'database';
  const notes = [
    entry.sizeBytes === null ? '' : bytesInWords(entry.sizeBytes),
    entry.rows === null ? '' : counted(entry.rows, 'row'),
    entry.modifiedAt === null ? '' : instantInWords(entry.modifiedAt),
  ].filter((note) => note !== '');
  return (
    <li class="row still">
      <Icon name={icons[entry.type]} />
      <span class="row-main">
        {opens ? (
          <button type="button" class="row-title linkish" onClick={open}>
            {entry.name}
          </button>
        ) : (
          <span class="row-title">{entry.name}</span>
        )}
      </span>
      <span class="row-end soft">{notes.join(' · ')}</span>
    </li>
  );
}
