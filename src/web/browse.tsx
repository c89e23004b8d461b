import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Endless } from './endless.tsx';
import { Icon, type IconName } from './icons.tsx';
import type { Contents } from './shapes.ts';
import { DownloadLink, Section } from './ui.tsx';
import { bytesInWords, counted, instantInWords } from './words.ts';

type Entry = Contents['entries'][number];

const icons: Readonly<Record<Entry['type'], IconName>> = {
  directory: 'folder',
  file: 'file',
  symlink: 'file',
  hardlink: 'file',
  database: 'database',
  table: 'table',
};

/** A folder or database that was opened, on the way to what is shown. */
type Opened = Pick<Entry, 'name' | 'path' | 'pathBase64'>;

/** The tree of a snapshot, folder by folder. */
export function Browser({ snapshot }: { readonly snapshot: string }): JSX.Element {
  const [opened, setOpened] = useState<readonly Opened[]>([]);
  const here = opened.at(-1);
  return (
    <Section title="Look inside">
      <Crumbs opened={opened} go={setOpened} />
      <Endless
        path={`snapshots/${snapshot}/contents?${here === undefined ? 'path=' : placeOf(here)}`}
        itemsOf={(page: Contents) => page.entries}
        empty="Nothing is in here."
      >
        {(entries) => (
          <ul class="rows tight">
            {entries.map((entry) => (
              <EntryRow key={placeOf(entry)} entry={entry} snapshot={snapshot} open={() => setOpened([...opened, entry])} />
            ))}
          </ul>
        )}
      </Endless>
    </Section>
  );
}

/** Names that are not UTF-8 are asked for by their bytes. */
function placeOf({ path, pathBase64 }: Opened): string {
  return pathBase64 === null ? `path=${encodeURIComponent(path)}` : `pathBase64=${encodeURIComponent(pathBase64)}`;
}

interface CrumbsProps {
  readonly opened: readonly Opened[];
  readonly go: (to: readonly Opened[]) => void;
}

function Crumbs({ opened, go }: CrumbsProps): JSX.Element | null {
  const here = opened.at(-1);
  if (here === undefined) return null;
  return (
    <nav class="crumbs" aria-label="Place in the snapshot">
      <button type="button" onClick={() => go([])}>
        Snapshot
      </button>
      {opened.slice(0, -1).map((folder, index) => (
        <button key={placeOf(folder)} type="button" onClick={() => go(opened.slice(0, index + 1))}>
          {folder.name}
        </button>
      ))}
      <span aria-current="location">{here.name}</span>
    </nav>
  );
}

interface EntryProps {
  readonly entry: Entry;
  readonly snapshot: string;
  readonly open: () => void;
}

function EntryRow({ entry, snapshot, open }: EntryProps): JSX.Element {
  const opens = entry.type === 'directory' || entry.type === 'database';
  const isFile = entry.type === 'file' || entry.type === 'hardlink';
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
      {isFile ? <DownloadLink href={`snapshots/${snapshot}/file?${placeOf(entry)}`} name={entry.name} /> : null}
    </li>
  );
}
