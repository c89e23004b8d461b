import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectCode } from '../../test/contracts/object-store.ts';
import { runContext } from '../../test/fixtures/run-context.ts';
import { systemClock } from '../platform/system-clock.ts';
import { openServiceState } from '../state/service-state.ts';
import { Idempotency } from './idempotency.ts';

const act = {
  principal: { kind: 'token', id: '1', name: 'ci', role: 'operator', plans: null },
  key: 'k',
  act: 'POST /backups',
  body: { params: {}, body: {} },
} as const;

/** A service that ended in the middle of the act, and the one after it. `done` counts how often the act was done since. */
async function restarted() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-idempotency-'));
  const { history } = await runContext(directory);
  const state = await openServiceState(join(directory, 'service.sqlite'), { clock: systemClock });
  const opened = () => new Idempotency({ ...state, history, clock: systemClock, newRunKey: randomUUID });
  const begun = Promise.withResolvers<string>();
  void opened().once(act, (runKey) => {
    begun.resolve(runKey);
    return new Promise(() => undefined);
  });
  const run = { key: await begun.promise, verb: 'backup', plan: 'home', startedAt: new Date() } as const;
  await state.requests.interruptIdempotent();
  const done: string[] = [];
  const again = opened();
  return {
    run,
    state,
    history,
    done,
    ask: () =>
      again.once(act, async (runKey) => {
        done.push(runKey);
        return { status: 202, body: { run: runKey } };
      }),
    async [Symbol.asyncDispose]() {
      await state[Symbol.asyncDispose]();
      await history[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

it('an act that no run had begun for when the service ended is done, once, under a run of its own', async () => {
  await using service = await restarted();
  const both = await Promise.allSettled([service.ask(), service.ask()]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(await service.ask()).toMatchObject({ status: 202, headers: { 'idempotency-replayed': 'true' } });
  expect(service.done).toHaveLength(1);
  expect(service.done).not.toContain(service.run.key);
});

it.each(['failed', 'succeeded'] as const)('an act whose run began and %s is not done again: how it ended is told', async (outcome) => {
  await using service = await restarted();
  const { run, state, history } = service;
  await state.liveRuns.add({ ...run, pid: 1, processStart: '1' });
  await expectCode('LOCK_HELD', service.ask());
  const id = await history.startRun({ ...run, trigger: { kind: 'api', user: 'ci', dueAt: null } });
  await state.liveRuns.remove(run.key);
  await expectCode('LOCK_HELD', service.ask());
  await history.endRun(id, { endedAt: new Date(), outcome, snapshotId: null, error: null, details: {} });
  for (let time = 0; time < 2; time++) {
    const told = service.ask();
    await expectCode('REQUEST_INTERRUPTED', told);
    await expect(told).rejects.toThrow(`its run ${run.key} ended as ${outcome}`);
  }
  expect(service.done).toEqual([]);
});
