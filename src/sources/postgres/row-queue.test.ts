import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { BlockPool, RowQueue } from './row-queue.ts';

const limitBytes = 1024 * 1024;
const never = () => expect.unreachable('nothing was paused');

describe('RowQueue', () => {
  test('hands on every byte in order, whatever the sizes', async () => {
    const queue = new RowQueue(new BlockPool(), limitBytes);
    const given: Buffer[] = [];
    const written: Buffer[] = [];
    const draining = queue.drain(async (bytes) => {
      written.push(Buffer.from(bytes));
      await turn();
    });
    for (let index = 0; index < 200; index++) {
      const rows = Buffer.alloc((index * 7919) % 40_000, index);
      given.push(rows);
      queue.take(rows, () => undefined);
      if (index % 10 === 0) await turn();
    }
    queue.end(200);
    expect(await draining).toBe(200);
    expect(Buffer.concat(written).equals(Buffer.concat(given))).toBe(true);
  });

  test('asks for a pause at its limit, and ends it once there is room', async () => {
    const queue = new RowQueue(new BlockPool(), limitBytes);
    let resumed = 0;
    const row = Buffer.alloc(limitBytes / 4, 'x');
    expect([1, 2, 3].map(() => queue.take(row, never))).toEqual([true, true, true]);
    expect(queue.take(row, () => resumed++)).toBe(false);
    queue.end(4);
    expect(resumed).toBe(0);
    // The end of its COPY sets a connection free for another, which this queue must not resume.
    expect(await queue.drain(() => undefined)).toBe(4);
    expect(resumed).toBe(0);

    const going = new RowQueue(new BlockPool(), limitBytes);
    for (let index = 0; index < 4; index++) going.take(row, () => resumed++);
    const draining = going.drain(() => undefined);
    await turn();
    expect(resumed).toBe(1);
    going.end(4);
    expect(await draining).toBe(4);
  });

  test('fails where it is read, after what had come', async () => {
    const queue = new RowQueue(new BlockPool(), limitBytes);
    queue.take(Buffer.alloc(300_000), never);
    queue.fail(new Error('connection lost'));
    await expect(queue.drain(() => undefined)).rejects.toThrow('connection lost');
  });

  test('uses its blocks again', async () => {
    const pool = new BlockPool();
    const blocks = new Set<ArrayBufferLike>();
    for (let piece = 0; piece < 20; piece++) {
      const queue = new RowQueue(pool, limitBytes);
      queue.take(Buffer.alloc(500_000), never);
      queue.end(1);
      await queue.drain((bytes) => void blocks.add(bytes.buffer));
    }
    expect(blocks.size).toBe(2);
  });
});
