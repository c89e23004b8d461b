import { expect, test, vi } from 'vitest';
import { KeptReplies } from './kept-replies.ts';

/** A history whose revision another process moves, and replies that tell how often they were made. */
function keeping() {
  let revision = 1;
  let made = 0;
  const kept = new KeptReplies({ revision: () => Promise.resolve(String(revision)) });
  const make = vi.fn<() => Promise<object>>(() => Promise.resolve({ made: ++made }));
  const ask = async (key = 'a') => (await kept.json(key, make)).toString();
  return { ask, make, write: () => void revision++ };
}

test('a reply is made once for as long as nothing is written, also for those who ask at once', async () => {
  const { ask, write } = keeping();
  expect(await Promise.all([ask(), ask()])).toEqual(['{"made":1}', '{"made":1}']);
  expect(await ask('b')).toBe('{"made":2}');
  expect(await ask()).toBe('{"made":1}');
  write();
  expect(await ask()).toBe('{"made":3}');
});

test('one that could not be made is made again, and the oldest of many is let go', async () => {
  const { ask, make } = keeping();
  make.mockRejectedValueOnce(new Error('gone'));
  await expect(ask()).rejects.toThrow('gone');
  expect(await ask()).toBe('{"made":1}');
  for (const key of 'bcdefghijk') await ask(key);
  expect(await ask('k')).toBe('{"made":11}');
  expect(await ask()).toBe('{"made":12}');
});
