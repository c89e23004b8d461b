import type { JSX } from 'preact';
import { useLoaded } from './api.ts';
import { useSession } from './session.ts';
import { Facts, Loading, Page, Section, Trouble } from './ui.tsx';

/** As `holdfast config show --json` prints it: `origins` says by its path where each value came from. */
interface ShownConfiguration {
  readonly file: string | null;
  readonly plans: Readonly<Record<string, unknown>>;
  readonly service: unknown;
  readonly origins: Readonly<Record<string, string>>;
}

/** What holds now, and where it was set. Changed in the file or the environment, never here. */
export function SettingsPage(): JSX.Element {
  const { status } = useSession();
  const { data, error, reload } = useLoaded<ShownConfiguration | null>('config');
  return (
    <Page
      title="Settings"
      lead="What holds now. It is changed in the configuration file or the environment, then the service is started anew."
    >
      <Facts
        rows={[
          ['Version', status.version],
          data ? ['Configuration', data.file ?? 'from the environment'] : null,
          ['History', status.history === 'ok' ? 'reachable' : 'unreachable'],
        ]}
      />
      <Trouble error={error} retry={reload} />
      {data === undefined && error === undefined ? <Loading /> : null}
      {data ? <Sections shown={data} /> : null}
    </Page>
  );
}

function Sections({ shown }: { readonly shown: ShownConfiguration }): JSX.Element {
  return (
    <>
      {Object.entries(shown.plans).map(([name, plan]) => (
        <Section key={name} title={`Plan ${name}`}>
          <Listing name={`Plan ${name}`} lines={linesOf(plan, `plans.${name}`, 0)} origins={shown.origins} />
        </Section>
      ))}
      <Section title="Service">
        <Listing name="Service" lines={linesOf(shown.service, 'service', 0)} origins={shown.origins} />
      </Section>
    </>
  );
}

interface Line {
  readonly depth: number;
  readonly text: string;
  /** Of the value, as `origins` names it; null for what only holds others. */
  readonly path: string | null;
}

interface ListingProps {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly origins: ShownConfiguration['origins'];
}

function Listing({ name, lines, origins }: ListingProps): JSX.Element {
  return (
    <ul class="listing" aria-label={name}>
      {lines.map(({ depth, text, path }, index) => (
        <li key={path ?? `${index} ${text}`}>
          <code style={{ paddingLeft: `${depth * 1.25}rem` }}>{text}</code>
          <span class="soft small">{path === null ? '' : (origins[path] ?? '')}</span>
        </li>
      ))}
    </ul>
  );
}

/** As it would stand in the file, a line for each value. */
function linesOf(value: unknown, path: string, depth: number): readonly Line[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => {
      const [first, ...rest] = isHolder(item)
        ? linesOf(item, `${path}[${index}]`, depth + 1)
        : [leaf(worded(item), `${path}[${index}]`, depth)];
      return first === undefined ? [] : [{ ...first, depth, text: `- ${first.text}` }, ...rest];
    });
  }
  return Object.entries(value ?? {}).flatMap(([key, item]: [string, unknown]) =>
    isHolder(item)
      ? [{ depth, text: `${key}:`, path: null }, ...linesOf(item, `${path}.${key}`, depth + 1)]
      : [leaf(`${key}: ${worded(item)}`, `${path}.${key}`, depth)],
  );
}

function leaf(text: string, path: string, depth: number): Line {
  return { depth, text, path };
}

function isHolder(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function worded(value: unknown): string {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
