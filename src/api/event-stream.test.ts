import { describe, expect, test } from 'vitest';
import type { StreamEvents } from './contract.ts';
import { EventStream } from './event-stream.ts';

const line: StreamEvents['log'] = { runId: 'r', at: '2026-11-21T12:00:00.000Z', level: 'info', message: 'one\ntwo' };

describe('an event stream', () => {
  test('numbers its events, and keeps each on lines of its own', async () => {
    const stream = new EventStream(new AbortController().signal);
    stream.send('log', line);
    stream.send('log', line);
    stream.end();
    const text = (await stream.reply().stream?.setEncoding('utf8').toArray())?.join('');
    const data = JSON.stringify(line);
    expect(text).toBe(`retry: 3000\n\nid: 1\nevent: log\ndata: ${data}\n\nid: 2\nevent: log\ndata: ${data}\n\n`);
  });

  test('ends with its client, and lets go of what it listened to', async () => {
    const client = new AbortController();
    const stream = new EventStream(client.signal);
    const closed = new Promise<void>((resolve) => stream.whenClosed(resolve));
    client.abort();
    await closed;
    stream.send('log', line);
    expect(stream.reply().stream?.destroyed).toBe(true);
    await new Promise<void>((resolve) => stream.whenClosed(resolve));
  });

  test('ends when its time is over, and what comes later is no fault', async () => {
    const stream = new EventStream(new AbortController().signal);
    const readable = stream.reply().stream?.setEncoding('utf8');
    stream.send('log', line);
    const closed = new Promise<void>((resolve) => stream.whenClosed(resolve));
    stream.endAfter(0);
    const text = await readable?.toArray();
    await closed;
    expect(text?.join('')).toContain('event: log');

    const unread = new EventStream(new AbortController().signal);
    unread.end();
    unread.send('log', line);
    expect((await unread.reply().stream?.setEncoding('utf8').toArray())?.join('')).toBe('retry: 3000\n\n');
  });

  test('cuts off a client that does not read', async () => {
    const stream = new EventStream(new AbortController().signal);
    const closed = new Promise<void>((resolve) => stream.whenClosed(resolve));
    for (let count = 0; count < 20; count++) stream.send('log', { ...line, message: 'x'.repeat(100_000) });
    await closed;
    expect(stream.reply().stream?.readableLength).toBeLessThan(1_300_000);
  });
});
