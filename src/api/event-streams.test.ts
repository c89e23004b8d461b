import { describe, expect, test, vi } from 'vitest';
import type { Principal } from '../domain/principal.ts';
import { EventStreams } from './event-streams.ts';

function program(id: string): Principal {
  return { kind: 'token', id, name: id, role: 'viewer', plans: null };
}

function opened(streams: EventStreams, id: string, count: number): AbortController[] {
  return Array.from({ length: count }, () => {
    const client = new AbortController();
    streams.open(program(id), client.signal);
    return client;
  });
}

const refusal = { code: 'RATE_LIMITED', retry: { kind: 'after', delayMs: 10_000 } };

describe('open event streams', () => {
  test('are so many to each principal, and one that ends makes room for another', async () => {
    const streams = new EventStreams();
    const [first] = opened(streams, 'a', 20);
    expect(() => opened(streams, 'a', 1)).toThrow(expect.objectContaining(refusal));
    opened(streams, 'b', 1);
    first?.abort();
    await expect.poll(() => opened(streams, 'a', 1)).toHaveLength(1);
    expect(() => opened(streams, 'a', 1)).toThrow(expect.objectContaining(refusal));
  });

  test('are so many in all', () => {
    const streams = new EventStreams();
    for (const id of ['a', 'b', 'c', 'd', 'e']) opened(streams, id, 20);
    expect(() => opened(streams, 'f', 1)).toThrow(expect.objectContaining(refusal));
  });

  test('end after ten minutes, whatever they follow', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const stream = new EventStreams().open(program('a'), new AbortController().signal);
      const text = stream.reply().stream?.toArray();
      vi.advanceTimersByTime(10 * 60_000);
      await expect(text).resolves.toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test('whose client was gone before they began count for nothing', () => {
    const streams = new EventStreams();
    const gone = AbortSignal.abort();
    for (let count = 0; count < 30; count++) expect(streams.open(program('a'), gone).reply().stream?.destroyed).toBe(true);
  });
});
