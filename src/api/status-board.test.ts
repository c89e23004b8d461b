import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { overriding } from '../../test/fakes/overriding.ts';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { PlayedWorkers, queueOf } from '../../test/fixtures/api-service.ts';
import { runContext } from '../../test/fixtures/run-context.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { Plan } from '../domain/plan.ts';
import type { OperationContext } from '../operations/context.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { ServiceState } from '../ports/service-state.ts';
import { openServiceState } from '../state/service-state.ts';
import type { Status } from './contract.ts';
import { openStatusBoard, type BoardWorld } from './status-board.ts';

const plan = {
  name: 'home',
  sources: [],
  stores: [{ kind: 'local', name: 'nas', config: {}, keep: null }],
  drill: { every: null, server: null },
  objectives: { rpoHours: 26, rtoMinutes: 30 },
} as Partial<Plan> as Plan;

const away = () =>
  Promise.reject(new HoldfastError('HISTORY_UNREADABLE', 'Cannot reach it', { hint: 'Start it', retry: { kind: 'later' } }));

describe('the status board', () => {
  let directory: string;
  let world: OperationContext;
  let state: ServiceState;
  let workers: PlayedWorkers;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-board-'));
    const openStore = () => Promise.reject(new HoldfastError('STORE_ABSENT', 'Cannot use "nas": it is not there', { hint: 'Mount it' }));
    world = { ...(await runContext(directory)), version: '1.2.3', openStore };
    state = await openServiceState(join(directory, 'service.sqlite'), { clock: systemClock });
    workers = new PlayedWorkers();
  });

  afterEach(async () => {
    await state[Symbol.asyncDispose]();
    await world.history[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  function boardWorld(history = world.history): BoardWorld {
    const queue = queueOf(workers, { state, log: keptLog() });
    return { plans: new Map([['home', plan]]), world: { ...world, history }, state, queue, preview: () => [] };
  }

  test('is there at once, and tells what is wrong with a store', async () => {
    const given = boardWorld();
    await using board = await openStatusBoard(given);
    expect(board.status()).toMatchObject({
      health: 'critical',
      history: 'ok',
      version: '1.2.3',
      plans: [{ name: 'home', reasons: [{ code: 'no-snapshot' }], objectives: { rpoMs: 93_600_000, rtoMs: 1_800_000 } }],
    });
    await expect
      .poll(() => board.stores(), { timeout: 30_000 })
      .toMatchObject([
        { name: 'nas', reachable: false, problem: { code: 'STORE_ABSENT', hint: 'Mount it' }, snapshots: 0, plans: ['home'] },
      ]);
  });

  test('tells of a run as soon as it is asked for, and everybody who listens when it ends', async () => {
    const given = boardWorld();
    await using board = await openStatusBoard(given);
    const told: Status[] = [];
    board.subscribe((status) => void told.push(status));
    const key = world.newRunKey();
    given.queue.submit({ key, trigger: world.trigger, verb: 'backup', plan: 'home', description: null });
    expect(board.status().plans[0]?.running).toMatchObject([{ id: key, state: 'running', verb: 'backup' }]);
    workers.endAll();
    await given.queue.whenEnded(key);
    await expect.poll(() => told.at(-1)?.plans[0]?.running, { timeout: 30_000 }).toEqual([]);
  });

  test('keeps what it knew while the history is away, says so, and comes back with it', async () => {
    let isAway = false;
    const { history } = world;
    const given = boardWorld(overriding(history, { facts: (filter) => (isAway ? away() : history.facts(filter)) }));
    await using board = await openStatusBoard(given);
    const before = board.status();
    isAway = true;
    await board.probe('nas');
    expect(board.status()).toMatchObject({ history: 'unreachable', plans: before.plans });
    expect(board.status().sentence).toMatch(/the history cannot be reached/u);
    isAway = false;
    await board.probe('nas');
    expect(board.status().history).toBe('ok');
  });

  test('starts while the history is away, and then knows nothing rather than something good', async () => {
    await using board = await openStatusBoard(boardWorld(overriding(world.history, { facts: away, revision: away })));
    expect(board.status()).toMatchObject({ health: 'warning', history: 'unreachable', plans: [{ reasons: [{ code: 'not-known-yet' }] }] });
  });

  test('knows no store that is not configured', async () => {
    await using board = await openStatusBoard(boardWorld());
    await expect(board.probe('elsewhere')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
