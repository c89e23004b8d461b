import { afterEach, describe, expect, test, vi } from 'vitest';
import { sampleEvent } from '../../test/contracts/notifier.ts';
import { HandHeldLauncher } from '../../test/fakes/hand-held-launcher.ts';
import { keptLog } from '../../test/fakes/kept-log.ts';
import type { RunRequest, RunTrigger, RunWork } from '../domain/run-request.ts';
import type { LiveRun, WorkerReport } from '../ports/runner.ts';
import { Runs, type RunQueueWorld } from './run-queue.ts';

const asked: RunTrigger = { kind: 'api', user: 'anna', dueAt: null };
const due: RunTrigger = { kind: 'schedule', user: '*system', dueAt: '2026-11-21T02:00:00.000Z' };
let keys = 0;

function request(verb: 'backup' | 'expire' | 'drill', { plan = 'home', trigger = asked } = {}): RunRequest {
  const work: RunWork =
    verb === 'backup' ? { verb, plan, description: null } : verb === 'drill' ? { verb, plan, snapshot: null } : { verb, plan };
  return { key: `00000000-0000-4000-8000-${String(++keys).padStart(12, '0')}`, trigger, ...work };
}

class World {
  readonly launcher = new HandHeldLauncher();
  readonly records = new Set<string>();
  readonly notStarted: [RunRequest, WorkerReport][] = [];
  readonly deaths: string[] = [];
  readonly events: string[] = [];
  readonly held = new Set<string>();
  monotonicMs = 0;
  readonly runs: Runs;

  constructor(change: Partial<RunQueueWorld> = {}) {
    this.runs = new Runs({
      launcher: this.launcher,
      records: {
        add: async ({ key }) => void this.records.add(key),
        remove: async (key) => void this.records.delete(key),
        all: async () => [],
      },
      clock: { now: () => new Date('2026-11-21T02:00:00Z'), monotonicMs: () => this.monotonicMs },
      log: keptLog(),
      maxScheduled: 2,
      isHeld: async (lock) => this.held.has(lock),
      processStart: (pid) => `start of ${pid}`,
      onEvent: async ({ kind }) => void this.events.push(kind),
      onNotStarted: async (...given) => void this.notStarted.push(given),
      onDeath: async ({ key }) => void this.deaths.push(key),
      ...change,
    });
  }

  state(given: RunRequest): LiveRun['state'] | undefined {
    return this.runs.find(given.key)?.state;
  }
}

afterEach(() => void vi.useRealTimers());

describe('a run that somebody asks for', () => {
  test('starts at once, is on record while it goes on, and is told of after its end', async () => {
    const world = new World();
    const backup = request('backup');
    expect(world.runs.submit(backup).state).toBe('running');
    await vi.waitFor(() => expect([...world.records]).toEqual([backup.key]));
    world.launcher.run('backup').end({ snapshotId: 'home-20261121-020000' });
    expect(await world.runs.whenEnded(backup.key)).toMatchObject({ snapshotId: 'home-20261121-020000' });
    expect(world.state(backup)).toBe('ended');
    expect(world.records.size).toBe(0);
  });

  test('is refused while another one of the same plan excludes it, and not of another plan', () => {
    const world = new World();
    world.runs.submit(request('backup'));
    expect(() => world.runs.submit(request('expire'))).toThrow(expect.objectContaining({ code: 'LOCK_HELD' }));
    expect(() => world.runs.submit(request('backup'))).toThrow('a backup of it is going on');
    expect(world.runs.submit(request('drill')).state).toBe('running');
    expect(world.runs.submit(request('backup', { plan: 'work' })).state).toBe('running');
  });

  test('is one run however often it is asked for with the same key', () => {
    const world = new World();
    const backup = request('backup');
    world.runs.submit(backup);
    expect(world.runs.submit(backup).state).toBe('running');
    expect(world.launcher.runs).toHaveLength(1);
  });

  test('is not limited by how many scheduled ones may go on', () => {
    const world = new World({ maxScheduled: 1 });
    world.runs.submit(request('backup', { plan: 'a' }));
    expect(world.runs.submit(request('backup', { plan: 'b' })).state).toBe('running');
  });

  test('tells its progress with the rate of the step, its log and its events', () => {
    const world = new World();
    const backup = request('backup');
    const told: LiveRun[] = [];
    const lines: string[] = [];
    world.runs.subscribe((run) => told.push(run));
    world.runs.subscribeToLog(({ message }) => lines.push(message));
    world.runs.submit(backup);
    const run = world.launcher.run('backup');
    run.say({ kind: 'progress', label: 'reading', doneBytes: 0, totalBytes: 100 });
    world.monotonicMs = 2_000;
    run.say({ kind: 'progress', label: 'reading', doneBytes: 50, totalBytes: 100 });
    run.say({ kind: 'log', level: 'info', message: 'read half', fields: {} });
    expect(told.at(-1)?.progress).toEqual({ label: 'reading', doneBytes: 50, totalBytes: 100, bytesPerSecond: 25 });
    expect(lines).toEqual(['read half']);
    expect(world.runs.log(backup.key).map(({ message }) => message)).toEqual(['read half']);
  });

  test('is cancelled by asking its process', () => {
    const world = new World();
    const backup = request('backup');
    world.runs.submit(backup);
    expect(world.runs.cancel(backup.key, 'anna')).toBe(true);
    expect(world.launcher.run('backup').cancelled).toEqual(['Cancelled by anna']);
    expect(world.runs.cancel('nobody', 'anna')).toBe(false);
  });

  test('whose process died has its records closed before its end is told', async () => {
    const world = new World();
    const backup = request('backup');
    world.runs.submit(backup);
    world.launcher.run('backup').end({ outcome: 'failed', isDeath: true });
    await world.runs.whenEnded(backup.key);
    expect(world.deaths).toEqual([backup.key]);
  });
});

describe('a run that a schedule asks for', () => {
  test('waits for what excludes it, and starts when that has ended', async () => {
    const world = new World();
    const [drill, backup, expire] = [request('drill'), request('backup'), request('expire', { trigger: due })];
    world.runs.submit(drill);
    world.runs.submit(backup);
    expect(world.runs.schedule(expire, 60_000).state).toBe('waiting');
    world.launcher.run('backup').end();
    await vi.waitFor(() => expect(world.state(expire)).toBe('running'));
  });

  test('waits while as many others go on as may', async () => {
    const world = new World({ maxScheduled: 1 });
    const [first, second] = [request('backup', { plan: 'a', trigger: due }), request('backup', { plan: 'b', trigger: due })];
    world.runs.schedule(first, 60_000);
    await vi.waitFor(() => expect(world.state(first)).toBe('running'));
    world.runs.schedule(second, 60_000);
    await vi.waitFor(() => expect(world.state(second)).toBe('waiting'));
    world.launcher.run('backup').end();
    await vi.waitFor(() => expect(world.state(second)).toBe('running'));
  });

  test('is passed over, and recorded so, when its turn does not come', async () => {
    vi.useFakeTimers();
    const world = new World();
    world.held.add('home');
    const backup = request('backup', { trigger: due });
    world.runs.schedule(backup, 60_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(world.state(backup)).toBe('waiting');
    world.monotonicMs = 60_000;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(world.state(backup)).toBe('ended');
    expect(world.notStarted).toMatchObject([[{ key: backup.key }, { outcome: 'skipped', error: { code: 'LOCK_HELD' } }]]);
  });

  test('starts when the command that held the lock lets go of it', async () => {
    vi.useFakeTimers();
    const world = new World();
    world.held.add('home');
    const backup = request('backup', { trigger: due });
    world.runs.schedule(backup, 60_000);
    await vi.advanceTimersByTimeAsync(1_000);
    world.held.clear();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(world.state(backup)).toBe('running');
  });
});

describe('a run whose process cannot be started', () => {
  test('fails and is recorded so, and those after it start', async () => {
    const world = new World();
    const launch = world.launcher.launch.bind(world.launcher);
    vi.spyOn(world.launcher, 'launch')
      .mockImplementationOnce(() => {
        throw new Error('spawn ENOMEM');
      })
      .mockImplementation(launch);
    const [first, second] = [request('backup', { trigger: due }), request('backup', { plan: 'work', trigger: due })];
    world.runs.schedule(first, 60_000);
    world.runs.schedule(second, 60_000);
    expect(await world.runs.whenEnded(first.key)).toMatchObject({ outcome: 'failed', error: { code: 'INTERNAL' } });
    await vi.waitFor(() => expect(world.state(second)).toBe('running'));
    expect(world.notStarted).toMatchObject([
      [{ key: first.key }, { error: { message: expect.stringContaining('spawn ENOMEM') as string } }],
    ]);
  });

  test('goes on to its end when nobody can tell when its process began', async () => {
    const world = new World({
      processStart: () => {
        throw new Error('EMFILE: too many open files');
      },
    });
    const backup = request('backup');
    world.runs.submit(backup);
    world.launcher.run('backup').end();
    expect(await world.runs.whenEnded(backup.key)).toMatchObject({ outcome: 'succeeded' });
  });
});

describe('a queue that is stopped', () => {
  test('waits until what its runs told is handed on', async () => {
    const handedOn = Promise.withResolvers<void>();
    const world = new World({ onEvent: () => handedOn.promise });
    world.runs.submit(request('backup'));
    world.launcher.run('backup').say({ kind: 'event', event: { ...sampleEvent({}), at: '', atRiskSince: null } });
    world.launcher.run('backup').end({});
    let isStopped = false;
    const stopped = world.runs.stop('The service was stopped').then(() => (isStopped = true));
    await vi.waitFor(() => expect(world.runs.live()).toMatchObject([{ state: 'ended' }]));
    await new Promise(setImmediate);
    expect(isStopped).toBe(false);
    handedOn.resolve();
    await stopped;
  });

  test('tells what it kept from being done', async () => {
    const world = new World();
    const [going, waiting, done] = [request('backup', { trigger: due }), request('expire', { trigger: due }), request('drill')];
    for (const each of [going, waiting, done]) world.runs.schedule(each, 60_000);
    await vi.waitFor(() => expect([world.state(going), world.state(done)]).toEqual(['running', 'running']));
    const stopped = world.runs.stop('The service was stopped');
    world.launcher.run('drill').end({});
    world.launcher.run('backup').end({ outcome: 'cancelled' });
    expect(await stopped).toEqual([going, waiting]);
  });

  test('waits until what never began is recorded', async () => {
    const recording = Promise.withResolvers<void>();
    const world = new World({ onNotStarted: () => recording.promise });
    world.held.add('home');
    world.runs.schedule(request('backup', { trigger: due }), 60_000);
    let isStopped = false;
    const stopped = world.runs.stop('The service was stopped').then(() => (isStopped = true));
    await new Promise(setImmediate);
    expect(isStopped).toBe(false);
    recording.resolve();
    await stopped;
  });

  test('takes nothing more, cancels what goes on and waits for its end', async () => {
    const world = new World();
    const [backup, waiting] = [request('backup'), request('expire', { trigger: due })];
    world.runs.submit(backup);
    world.runs.schedule(waiting, 60_000);
    let isStopped = false;
    const stopped = world.runs.stop('The service was stopped').then(() => (isStopped = true));
    await vi.waitFor(() => expect(world.state(waiting)).toBe('ended'));
    expect(isStopped).toBe(false);
    expect(world.launcher.run('backup').cancelled).toEqual(['The service was stopped']);
    world.launcher.run('backup').end({ outcome: 'cancelled' });
    await stopped;
    expect(() => world.runs.submit(request('drill'))).toThrow(expect.objectContaining({ code: 'SERVICE_STOPPING' }));
  });
});
