import { expect, test } from 'vitest';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { OperationContext } from '../operations/context.ts';
import { settleRunsOfBefore, type DeadRunsWorld } from './dead-runs.ts';

const never = new AbortController().signal;
const record = {
  key: '00000000-0000-4000-8000-000000000001',
  pid: 4711,
  processStart: 'then',
  verb: 'backup',
  plan: 'home',
  startedAt: new Date('2026-11-21T02:00:00Z'),
};

function worldWith(change: Partial<DeadRunsWorld>): DeadRunsWorld {
  let monotonicMs = 0;
  const context: Partial<OperationContext> = {
    log: keptLog(),
    clock: { now: () => new Date('2026-11-21T03:00:00Z'), monotonicMs: () => (monotonicMs += 40_000) },
    lock: {
      acquire: () => Promise.reject(new HoldfastError('LOCK_HELD', 'somebody is at work', { hint: 'Wait' })),
      share: () => Promise.reject(new Error('nobody shares here')),
      isHeld: async () => true,
    },
    history: { run: async () => undefined } as unknown as OperationContext['history'],
  };
  return {
    context: context as OperationContext,
    records: { add: async () => undefined, remove: async () => undefined, all: async () => [record] },
    processStart: () => null,
    endProcess: () => undefined,
    ...change,
  };
}

test('a worker that ends in the moment in which it is told to is settled as any other', async () => {
  const removed: string[] = [];
  let isThere = true;
  const world = worldWith({
    records: { add: async () => undefined, remove: async (key) => void removed.push(key), all: async () => [record] },
    processStart: () => (isThere ? 'then' : null),
    endProcess: () => {
      isThere = false;
      throw new Error('kill ESRCH');
    },
  });
  await settleRunsOfBefore([], world, never);
  expect(removed).toEqual([record.key]);
});

test('a state that cannot be read or written is logged, and ends nothing else', async () => {
  const fails = (): Promise<never> => Promise.reject(new Error('database or disk is full'));
  for (const all of [fails, async () => [record]]) {
    const world = worldWith({ records: { add: fails, remove: fails, all } });
    await settleRunsOfBefore([], world, never);
    const error = { level: 'error', fields: { error: 'database or disk is full' } };
    expect(world.context.log).toMatchObject({ lines: expect.arrayContaining([expect.objectContaining(error)]) as unknown });
  }
});
