import type { JSX } from 'preact';
import text from '../../docs/errors.md';

interface Explained {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
}

/** What `docs/errors.md` says of each code: where a problem's `type` leads. */
export function ErrorList(): JSX.Element {
  return (
    <section class="section">
      <h2>Errors</h2>
      <p class="soft">
        A refusal is a problem of RFC 9457: <code>code</code> for programs, <code>detail</code> and <code>hint</code> for people.
      </p>
      {explained(text).map(({ code, cause, remedy }) => (
        <section key={code} id={code} class="operation error-code">
          <h3 class="mono">{code}</h3>
          <p>
            <Marked text={cause} />
          </p>
          <p class="soft">
            <Marked text={remedy} />
          </p>
        </section>
      ))}
    </section>
  );
}

/** `### CODE`, then `**Cause:** …` and `**Remedy:** …`. */
function explained(markdown: string): readonly Explained[] {
  return markdown
    .split(/^### /mu)
    .slice(1)
    .flatMap((section) => {
      const [, code, cause, remedy] = /^(\w+)\n[\s\S]*?\*\*Cause:\*\*([\s\S]*?)\*\*Remedy:\*\*([\s\S]*?)(?:\n##|$)/u.exec(section) ?? [];
      if (code === undefined || cause === undefined || remedy === undefined) return [];
      return [{ code, cause: sentence(cause), remedy: sentence(remedy) }];
    });
}

function sentence(markdown: string): string {
  const plain = markdown
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/gu, '$1')
    .replaceAll(/\s+/gu, ' ')
    .trim();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** Text with `code` in it. */
function Marked({ text: marked }: { readonly text: string }): JSX.Element {
  return <>{marked.split('`').map((piece, index) => (index % 2 === 1 ? <code key={`${index} ${piece}`}>{piece}</code> : piece))}</>;
}
