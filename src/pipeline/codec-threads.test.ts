import { randomBytes } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { codecThreads, type CodecTask } from './codec-threads.ts';

const encoding: CodecTask = { kind: 'zstd', operation: 'encode', bytes: randomBytes(1 << 20), level: 3 };

/** Of a copy, since what is not shared is handed over. */
const encode = (): Promise<Uint8Array> => codecThreads.run({ ...encoding, bytes: Uint8Array.from(encoding.bytes) });

test('a thread that died is replaced, and fails only what it was at', async () => {
  const workers: Worker[] = [];
  const remember = (worker: Worker): void => void workers.push(worker);
  process.on('worker', remember);
  // The first ones are done without a thread.
  for (let count = 0; count < 3; count++) await encode();
  process.off('worker', remember);
  expect(workers).toHaveLength(1);
  // Nobody has heard of its end yet, so it is given one more.
  const dying = workers[0]!.terminate();
  await expect(encode()).rejects.toThrow('a compression thread has ended');
  await dying;
  for (let count = 0; count < 3; count++) expect((await encode()).length).toBeGreaterThan(0);
});
