import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { OperationContext } from '../operations/context.ts';
import { processStart } from '../platform/process-start.ts';
import { RunsOfBefore, type DeadRunsWorld } from './dead-runs.ts';

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
      isHeld: async () => true,
      proveAlive: () => Promise.reject(new Error('nobody is at work here')),
      isAlive: async () => false,
    },
    history: { run: async () => undefined, runs: async () => [], revision: async () => '1' } as unknown as OperationContext['history'],
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
  await new RunsOfBefore([], world).settle(never);
  expect(removed).toEqual([record.key]);
});

test('a state that cannot be read or written is logged, and ends nothing else', async () => {
  const fails = (): Promise<never> => Promise.reject(new Error('database or disk is full'));
  for (const all of [fails, async () => [record]]) {
    const world = worldWith({ records: { add: fails, remove: fails, all } });
    await new RunsOfBefore([], world).settle(never);
    const error = { level: 'error', fields: { error: 'database or disk is full' } };
    expect(world.context.log).toMatchObject({ lines: expect.arrayContaining([expect.objectContaining(error)]) as unknown });
  }
});

/** A process that a signal to end does not end. */
async function stubbornProcess() {
  const program = "process.on('SIGTERM', () => console.log('SIGTERM')); console.log('ready'); setInterval(() => undefined, 1000)";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return { child, ended, pid: child.pid!, [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

test('a worker that does not end is told to, and ended when that does not help', async () => {
  using stubborn = await stubbornProcess();
  const removed: string[] = [];
  const sent: string[] = [];
  const left = { ...record, pid: stubborn.pid, processStart: processStart(stubborn.pid)! };
  const world = worldWith({
    records: { add: async () => undefined, remove: async (key) => void removed.push(key), all: async () => [left] },
    processStart,
    endProcess(pid, signal) {
      sent.push(signal);
      process.kill(pid, signal);
    },
  });
  await new RunsOfBefore([], world).settle(never);
  expect(await stubborn.ended).toEqual([null, 'SIGKILL']);
  expect([sent, removed]).toEqual([['SIGTERM', 'SIGKILL'], [record.key]]);
});

test('another process that got the number of a worker is left alone', async () => {
  using other = await stubbornProcess();
  const left = { ...record, pid: other.pid, processStart: 'long ago' };
  const records = { add: async () => undefined, remove: async () => undefined, all: async () => [left] };
  await new RunsOfBefore([], worldWith({ records, processStart, endProcess: (pid, signal) => void process.kill(pid, signal) })).settle(
    never,
  );
  expect(processStart(other.pid)).not.toBeNull();
});

test('a run whose end cannot be read, since the history is away, is told when it is back', async () => {
  const gone = new HoldfastError('HISTORY_UNREADABLE', 'the server is away', { hint: 'Wait' });
  const end = { endedAt: new Date('2026-11-21T02:30:00Z'), outcome: 'failed', snapshotId: null, error: null, details: {} };
  let looks = 0;
  const isBack = (): boolean => looks > 2;
  const told: string[] = [];
  const world = worldWith({});
  const history = {
    revision: async () => {
      looks++;
      if (!isBack()) throw gone;
      return '1';
    },
    runs: async () => [],
    facts: async () => [],
    run: () => (isBack() ? Promise.resolve({ ...record, end }) : Promise.reject(gone)),
  } as unknown as OperationContext['history'];
  const context = { ...world.context, history, emit: async ({ kind }: { readonly kind: string }) => void told.push(kind) };
  await new RunsOfBefore([], { ...world, context }).settle(never);
  expect([looks, told]).toEqual([3, ['backup-failed']]);
});
