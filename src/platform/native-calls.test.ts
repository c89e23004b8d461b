import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Call, Loans } from './native-calls.ts';
import { loadNodeZstd } from './node-zstd.ts';

const child = new URL('../../test/fixtures/native-calls-in-child.ts', import.meta.url).pathname;

describe('a process that ends while native code works for it', () => {
  test.each([
    ['exits', 0, 3],
    ['exits', 5, 3],
    ['throws', 1, 1],
    ['waits', 0, 0],
  ])('%s after %i ms, with its own exit code', (how, afterMs, status) => {
    const { signal, status: found } = spawnSync(process.execPath, [child, how, String(afterMs)]);
    expect({ signal, status: found }).toEqual({ signal: null, status });
  });
});

test.runIf(process.platform === 'linux')('the threads that compress stand back behind the one that reads', async () => {
  const zstd = await loadNodeZstd();
  await zstd?.compress(Buffer.alloc(1 << 20), Buffer.alloc(2 << 20), 1);
  const threads = readdirSync('/proc/self/task').filter((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8') === 'libuv-worker\n');
  expect(threads.length).toBeGreaterThan(0);
  expect(new Set(threads.map((id) => getPriority(Number(id))))).toEqual(new Set([Math.max(10, getPriority())]));
});

describe('Loans', () => {
  const most = Math.min(Math.max(navigator.hardwareConcurrency, 2), 4);

  test('lends each to one at a time, in the order of asking, also after a failure', async () => {
    let made = 0;
    const loans = new Loans((() => ++made) as unknown as Call);
    const lent = new Set<unknown>();
    const begun: number[] = [];
    const use = (index: number): Promise<number> =>
      loans.use(async (loan) => {
        expect(lent.has(loan)).toBe(false);
        lent.add(loan);
        begun.push(index);
        await nextTurn();
        lent.delete(loan);
        if (index === 1) throw new Error('on purpose');
        return index;
      });
    const ended = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => use(index)));
    expect(ended.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(begun).toEqual(Array.from({ length: 12 }, (_, index) => index));
    expect(made).toBe(most);
  });

  test('says so when there is no memory for another', async () => {
    const loans = new Loans((() => null) as unknown as Call);
    await expect(loans.use(() => Promise.resolve(0))).rejects.toThrow('not enough memory');
  });
});
