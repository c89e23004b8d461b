import { useEffect, useRef } from 'preact/hooks';
import type { StreamEvents } from './shapes.ts';

type Listeners = { readonly [Name in keyof StreamEvents]?: (data: StreamEvents[Name]) => void };

const firstWaitMs = 2000;
const longestWaitMs = 60_000;

/**
 * Listens to a stream of the service below `api/v1/`. When it breaks, it is opened again after a growing wait, and `poll`
 * is called each time, so that the page stays true also where a proxy lets no stream through.
 */
export function useStream(path: string | null, listeners: Listeners, poll: () => void): void {
  const current = useRef({ listeners, poll });
  current.current = { listeners, poll };
  useEffect(() => {
    if (path === null) return;
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let waitMs = firstWaitMs;
    const open = () => {
      source = new EventSource(`api/v1/${path}`);
      source.addEventListener('open', () => (waitMs = firstWaitMs));
      for (const name of ['run', 'status', 'log'] as const) listen(source, name);
      source.addEventListener('error', () => {
        source?.close();
        current.current.poll();
        timer = setTimeout(open, waitMs);
        waitMs = Math.min(waitMs * 2, longestWaitMs);
      });
    };
    const listen = <Name extends keyof StreamEvents>(from: EventSource, name: Name) =>
      from.addEventListener(name, (event: MessageEvent<string>) => {
        current.current.listeners[name]?.(JSON.parse(event.data) as StreamEvents[Name]);
      });
    open();
    return () => {
      source?.close();
      clearTimeout(timer);
    };
  }, [path]);
}
