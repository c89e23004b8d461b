import { expect, it } from 'vitest';
import { WorkerThread } from './worker-thread.ts';

it('a thread is never ended while it starts, for then it could take the whole process with it', async () => {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const thread = new WorkerThread(new URL('../../../test/fixtures/slow-thread.ts', import.meta.url), state);
  await thread.end();
  expect(state[1]).toBe(1);
});

it('a thread that cannot start can be ended all the same, and says why it does not answer', async () => {
  const thread = new WorkerThread(new URL('./no-such-module.ts', import.meta.url), null);
  const asked = thread.ask('anything').catch((error: unknown) => error);
  await thread.end();
  expect(String(await asked)).toContain('no-such-module');
});
