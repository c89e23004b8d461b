import { cancelled } from '../domain/errors.ts';

/**
 * Iterates, but no longer waits for the next item once the signal fires: then it throws `CANCELLED`. The source is closed
 * on every early end; after an abort it is not waited for, since it may be stuck in the very step that was given up.
 */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const result = await nextOrAbort(iterator, signal).catch((error: unknown) => {
        ended = !signal.aborted;
        throw error;
      });
      ended = result.done === true;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    if (!ended) await close(iterator, signal);
  }
}

async function nextOrAbort<T>(iterator: AsyncIterator<T>, signal: AbortSignal): Promise<IteratorResult<T>> {
  if (signal.aborted) throw cancelled(signal);
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(cancelled(signal));
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([iterator.next(), promise]);
  } finally {
    // One listener per step: racing against one long-lived promise would keep every step's result alive.
    signal.removeEventListener('abort', onAbort);
  }
}

async function close<T>(iterator: AsyncIterator<T>, signal: AbortSignal): Promise<void> {
  const closing = Promise.allSettled([iterator.return?.()]);
  if (!signal.aborted) await closing;
}
