import type { JSX } from 'preact';
import type { Confirmation } from './shapes.ts';
import { Empty } from './ui.tsx';

/** What an act would change, thing by thing. */
export function Changes({ changes }: { readonly changes: Confirmation['changes'] }): JSX.Element {
  if (changes.length === 0) return <Empty>Nothing would change.</Empty>;
  return (
    <ul class="rows changes">
      {changes.map(({ what, where, effect }) => (
        <li key={`${what} ${where}`} class="row still">
          <span class="row-main">
            <span class="row-title">{what}</span>
            <span class="row-note">{where}</span>
          </span>
          <span class="row-end">{effect}</span>
        </li>
      ))}
    </ul>
  );
}
