import type { JSX } from 'preact';
import { useLoaded } from './api.ts';
import { useSession } from './session.ts';
import { Facts, Loading, Page, Section, Trouble } from './ui.tsx';

/** What holds now, wherever it was set. Changed in the file or the environment, never here. */
export function SettingsPage(): JSX.Element {
  const { status } = useSession();
  const { data, error, reload } = useLoaded<unknown>('config');
  return (
    <Page
      title="Settings"
      lead="What holds now. It is changed in the configuration file or the environment, then the service is started anew."
    >
      <Facts
        rows={[
          ['Version', status.version],
          ['History', status.history === 'ok' ? 'reachable' : 'unreachable'],
        ]}
      />
      <Trouble error={error} retry={reload} />
      {data === undefined && error === undefined ? <Loading /> : null}
      {isRecord(data)
        ? Object.entries(data).map(([name, value]) => (
            <Section key={name} title={name}>
              <pre class="listing" tabIndex={0} aria-label={name}>
                {linesOf(value, 0).join('\n')}
              </pre>
            </Section>
          ))
        : null}
    </Page>
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As it would stand in the file. */
function linesOf(value: unknown, depth: number): readonly string[] {
  const indent = '  '.repeat(depth);
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const [first = '', ...rest] = linesOf(item, depth + 1);
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  }
  if (!isRecord(value)) return [`${indent}${worded(value)}`];
  return Object.entries(value).flatMap(([key, item]) => {
    const isNested = (isRecord(item) && Object.keys(item).length > 0) || (Array.isArray(item) && item.length > 0);
    return isNested ? [`${indent}${key}:`, ...linesOf(item, depth + 1)] : [`${indent}${key}: ${worded(item)}`];
  });
}

function worded(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
