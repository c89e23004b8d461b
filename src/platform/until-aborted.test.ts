import { expect, it } from 'vitest';
import { untilAborted } from './until-aborted.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const kept: T[] = [];
  for await (const item of items) kept.push(item);
  return kept;
}

it('untilAborted() passes items and errors on', async () => {
  async function* items() {
    yield 1;
    yield 2;
  }
  expect(await collect(untilAborted(items(), new AbortController().signal))).toEqual([1, 2]);
  const failure = new Error('x');
  async function* failing() {
    yield 1;
    throw failure;
  }
  await expect(collect(untilAborted(failing(), new AbortController().signal))).rejects.toBe(failure);
});

it('untilAborted() closes the source, and waits for that, when its reader stops early', async () => {
  let closed = false;
  async function* items() {
    try {
      yield 1;
      yield 2;
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 5));
      closed = true;
    }
  }
  for await (const item of untilAborted(items(), new AbortController().signal)) if (item === 1) break;
  expect(closed).toBe(true);
});

it('untilAborted() does not wait for a source that is stuck when the signal fires', async () => {
  const controller = new AbortController();
  const stuck: AsyncIterable<number> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) };
  const reading = collect(untilAborted(stuck, controller.signal));
  controller.abort();
  await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
});

it('untilAborted() leaves no listener behind', async () => {
  const controller = new AbortController();
  let listening = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listening += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listening -= 1;
    remove(...args);
  };
  async function* items() {
    for (let index = 0; index < 100; index++) yield index;
  }
  await collect(untilAborted(items(), signal));
  expect(listening).toBe(0);
});
