import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, asApiError, call } from './api.ts';
import { Button, Empty, Loading, Trouble } from './ui.tsx';

/** One answer of a longer list. */
interface Part {
  readonly next: string | null;
}

interface EndlessProps<Item, Page extends Part> {
  /** Below `api/v1/`, without `before`. */
  readonly path: string;
  readonly itemsOf: (page: Page) => readonly Item[];
  readonly empty: ComponentChildren;
  readonly children: (items: readonly Item[]) => JSX.Element;
}

/** A list that is longer than one answer: more of it on demand. */
export function Endless<Item, Page extends Part>({ path, itemsOf, empty, children }: EndlessProps<Item, Page>): JSX.Element {
  const [pages, setPages] = useState<readonly Page[]>([]);
  const [error, setError] = useState<ApiError | undefined>();
  const [busy, setBusy] = useState(true);
  const load = (before: readonly Page[], signal?: AbortSignal) => {
    const from = before.at(-1)?.next ?? null;
    const query = from === null ? '' : `${path.includes('?') ? '&' : '?'}before=${encodeURIComponent(from)}`;
    setBusy(true);
    setError(undefined);
    call<Page>(`${path}${query}`, signal === undefined ? {} : { signal })
      .then((page) => setPages([...before, page]))
      .catch((reason: unknown) => signal?.aborted !== true && setError(asApiError(reason)))
      .finally(() => setBusy(false));
  };
  useEffect(() => {
    const abort = new AbortController();
    setPages([]);
    load([], abort.signal);
    return () => abort.abort();
  }, [path]);
  const items = pages.flatMap((page) => [...itemsOf(page)]);
  return (
    <>
      {items.length > 0 ? children(items) : null}
      {items.length === 0 && !busy && error === undefined ? <Empty>{empty}</Empty> : null}
      {items.length === 0 && busy ? <Loading /> : null}
      <Trouble error={error} retry={() => load(pages)} />
      {(pages.at(-1)?.next ?? null) === null ? null : (
        <Button kind="quiet" busy={busy} onClick={() => load(pages)}>
          Show more
        </Button>
      )}
    </>
  );
}
