import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keptLog } from '../../test/fakes/kept-log.ts';
import { HoldfastError } from '../domain/errors.ts';
import type { HoldfastEvent } from '../domain/events.ts';
import type { Plan, PlanSchedule } from '../domain/plan.ts';
import type { RunRequest } from '../domain/run-request.ts';
import type { Run } from '../ports/history.ts';
import type { ServiceState } from '../ports/service-state.ts';
import { openServiceState } from '../state/service-state.ts';
import { Scheduler } from './scheduler.ts';

const nightly: PlanSchedule = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', missed: 'skip', missedWithinMs: null, jitterMs: 0 };

function plan(schedule: Partial<PlanSchedule> = {}, parts: Partial<Plan> = {}): Plan {
  return {
    name: 'home',
    sources: [],
    layout: 'separate',
    compression: { kind: 'gzip', level: 4 },
    encryption: null,
    stores: [],
    fileName: '{name}_{timestamp}',
    schedule: { ...nightly, ...schedule },
    schedules: { expire: null, verify: null, drill: null },
    verify: 'readable',
    drill: { every: null, server: null },
    objectives: { rpoHours: null, rtoMinutes: null },
    notify: [],
    ...parts,
  };
}

/** A machine whose time the test makes go by. */
class Machine {
  wallMs: number;
  monotonicMs = 0;
  uptimeMs = 0;
  isHistoryAway = false;
  isStopping = false;
  readonly started: RunRequest[] = [];
  readonly waits: number[] = [];
  readonly events: HoldfastEvent[] = [];
  readonly log = keptLog();
  readonly #state: ServiceState;

  constructor(at: string, state: ServiceState) {
    this.wallMs = Date.parse(at);
    this.#state = state;
  }

  get clock() {
    return { now: () => new Date(this.wallMs), monotonicMs: () => this.monotonicMs };
  }

  scheduler(...plans: Plan[]): Scheduler {
    return new Scheduler({
      plans,
      installation: 'here',
      clock: this.clock,
      uptimeMs: () => this.uptimeMs,
      log: this.log,
      records: this.#state.schedules,
      history: {
        runs: async () => {
          if (this.isHistoryAway) throw new HoldfastError('HISTORY_UNREADABLE', 'the server is away', { hint: 'Wait' });
          return this.started.map(({ trigger }) => ({ trigger }) as Run);
        },
      },
      newRunKey: () => `key ${this.started.length}`,
      start: async (request, waitMs) => {
        if (this.isStopping) throw new HoldfastError('SERVICE_STOPPING', 'about to stop', { hint: 'Wait' });
        this.started.push(request);
        this.waits.push(waitMs);
      },
      emit: async (event) => void this.events.push(event),
    });
  }

  pass(ms: number): void {
    this.wallMs += ms;
    this.monotonicMs += ms;
    this.uptimeMs += ms;
  }

  /** Ticks every half minute until then. */
  async runUntil(scheduler: Scheduler, at: string): Promise<void> {
    while (this.wallMs < Date.parse(at)) {
      this.pass(30_000);
      await scheduler.tick();
    }
  }

  get dueTimes(): (string | null)[] {
    return this.started.map(({ trigger }) => trigger.dueAt);
  }
}

let directory: string;
let state: ServiceState;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-scheduler-'));
  const clock = { now: () => new Date('2026-10-24T00:00:00Z'), monotonicMs: () => 0 };
  state = await openServiceState(join(directory, 'service.sqlite'), { clock });
});
afterEach(async () => {
  await state[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

describe('on a machine that is up', () => {
  test('a time is run once, by the system, with the moment that the schedule named', async () => {
    const machine = new Machine('2026-11-20T12:00:00Z', state);
    await machine.runUntil(machine.scheduler(plan()), '2026-11-22T12:00:00Z');
    expect(machine.started[0]).toEqual({
      key: 'key 0',
      trigger: { kind: 'schedule', user: '*system', dueAt: '2026-11-21T01:30:00.000Z' },
      plan: 'home',
      verb: 'backup',
      description: null,
    });
    expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z', '2026-11-22T01:30:00.000Z']);
    expect(machine.waits[0]).toBe(3_600_000);
    expect(machine.events).toEqual([]);
  });

  test('a time that comes twice when the clocks go back is run once', async () => {
    const machine = new Machine('2026-10-24T12:00:00Z', state);
    await machine.runUntil(machine.scheduler(plan()), '2026-10-26T12:00:00Z');
    expect(machine.dueTimes).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
  });

  test('a schedule that is new, or was edited, never catches up', async () => {
    const machine = new Machine('2026-11-21T01:31:00Z', state);
    await machine.scheduler(plan({ missed: 'run-once' })).tick();
    machine.pass(3_600_000);
    await machine.scheduler(plan({ missed: 'run-once', cron: '0 2 * * *' })).tick();
    expect(machine.started).toEqual([]);
  });

  test('a run that is often due does not wait for the next time', async () => {
    const machine = new Machine('2026-11-21T12:00:00Z', state);
    await machine.runUntil(machine.scheduler(plan({ cron: '*/5 * * * *' })), '2026-11-21T12:05:00Z');
    expect(machine.waits).toEqual([300_000]);
  });

  test('every kind of schedule starts its own verb', async () => {
    const machine = new Machine('2026-11-21T12:00:00Z', state);
    const at = { ...nightly, cron: '15 12 * * *', timeZone: 'UTC' };
    const schedules = { expire: at, verify: { ...at, depth: 'present', which: 'all' }, drill: at } as const;
    await machine.runUntil(machine.scheduler(plan({}, { schedules })), '2026-11-21T12:20:00Z');
    expect(machine.started.map(({ verb }) => verb)).toEqual(['expire', 'verify', 'drill']);
    expect(machine.started[1]).toMatchObject({ depth: 'present', which: 'all', snapshot: null });
  });

  test('one schedule that cannot be looked at keeps no other from running', async () => {
    const machine = new Machine('2026-11-21T01:20:00Z', state);
    const broken = plan({ timeZone: 'Nowhere/Land' }, { name: 'broken' });
    await machine.runUntil(machine.scheduler(broken, plan()), '2026-11-21T01:31:00Z');
    expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
    expect(machine.log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', fields: expect.objectContaining({ plan: 'broken' }) }),
    );
  });
});

describe('after the service was away', () => {
  async function awayOver(schedule: Partial<PlanSchedule>, from: string, until: string): Promise<Machine> {
    const machine = new Machine(from, state);
    await machine.scheduler(plan(schedule)).tick();
    machine.pass(Date.parse(until) - Date.parse(from));
    await machine.scheduler(plan(schedule)).tick();
    return machine;
  }

  test('skip leaves a missed time alone, and says so', async () => {
    const machine = await awayOver({}, '2026-11-20T12:00:00Z', '2026-11-21T07:00:00Z');
    expect(machine.started).toEqual([]);
    expect(machine.events).toMatchObject([{ kind: 'schedule-missed', plan: 'home', subject: 'schedule:backup' }]);
  });

  test('run-once runs once, however many times were missed', async () => {
    const machine = await awayOver({ missed: 'run-once' }, '2026-11-10T12:00:00Z', '2026-11-21T07:00:00Z');
    expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
    expect(machine.events).toEqual([]);
    expect(machine.log.lines).toContainEqual(expect.objectContaining({ fields: expect.objectContaining({ count: 10 }) }));
  });

  test('a window is kept to', async () => {
    const within = { missed: 'within', missedWithinMs: 6 * 3_600_000 } as const;
    expect((await awayOver(within, '2026-11-20T12:00:00Z', '2026-11-21T07:00:00Z')).dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
    expect((await awayOver(within, '2026-11-21T12:00:00Z', '2026-11-22T07:31:00Z')).dueTimes).toEqual([]);
  });

  test('a few minutes late is not missed', async () => {
    const machine = await awayOver({}, '2026-11-20T12:00:00Z', '2026-11-21T01:34:00Z');
    expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
  });

  test('nothing is run twice by a service that starts again', async () => {
    const machine = new Machine('2026-11-21T01:00:00Z', state);
    await machine.runUntil(machine.scheduler(plan({ missed: 'run-once' })), '2026-11-21T01:31:00Z');
    for (const _ of [1, 2, 3]) {
      machine.pass(1_000);
      const scheduler = machine.scheduler(plan({ missed: 'run-once' }));
      await scheduler.start();
      await scheduler.stop();
    }
    expect(machine.started).toHaveLength(1);
    expect(machine.events).toEqual([]);
  });

  test('a run that was settled and never began is told, once', async () => {
    const machine = new Machine('2026-11-21T01:00:00Z', state);
    await machine.runUntil(machine.scheduler(plan()), '2026-11-21T01:31:00Z');
    machine.started.length = 0;
    for (const _ of [1, 2]) {
      const scheduler = machine.scheduler(plan());
      await scheduler.start();
      await scheduler.stop();
    }
    expect(machine.started).toEqual([]);
    expect(machine.events).toMatchObject([{ kind: 'schedule-missed', message: expect.stringContaining('2026-11-21T01:30:00.000Z') }]);
  });

  test('a run that was settled and never began is told when the history is back, also after later ones', async () => {
    const machine = new Machine('2026-11-21T01:00:00Z', state);
    await machine.runUntil(machine.scheduler(plan()), '2026-11-21T01:31:00Z');
    machine.started.length = 0;
    machine.isHistoryAway = true;
    const scheduler = machine.scheduler(plan());
    await scheduler.start();
    await machine.runUntil(scheduler, '2026-11-22T01:31:00Z');
    expect([machine.dueTimes, machine.events]).toEqual([['2026-11-22T01:30:00.000Z'], []]);
    machine.isHistoryAway = false;
    await machine.runUntil(scheduler, '2026-11-22T01:33:00Z');
    await scheduler.stop();
    expect(machine.dueTimes).toEqual(['2026-11-22T01:30:00.000Z']);
    expect(machine.events).toMatchObject([{ kind: 'schedule-missed', message: expect.stringContaining('2026-11-21T01:30:00.000Z') }]);
  });

  describe('in a run', () => {
    /** The run of 01:30 goes on when the service is stopped, and does not get done. */
    async function stoppedInRun(schedule: Partial<PlanSchedule>, isBackAt: string): Promise<Machine> {
      const machine = new Machine('2026-11-21T01:00:00Z', state);
      const scheduler = machine.scheduler(plan(schedule));
      await machine.runUntil(scheduler, '2026-11-21T01:31:00Z');
      await scheduler.giveBack(machine.started);
      machine.started.length = 0;
      machine.pass(Date.parse(isBackAt) - machine.wallMs);
      const next = machine.scheduler(plan(schedule));
      await next.start();
      await next.stop();
      return machine;
    }

    test('it is run again when that is soon, or the plan makes up for missed times', async () => {
      expect((await stoppedInRun({}, '2026-11-21T01:34:00Z')).dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
      const machine = await stoppedInRun({ missed: 'run-once' }, '2026-11-21T07:00:00Z');
      expect([machine.dueTimes, machine.events]).toEqual([['2026-11-21T01:30:00.000Z'], []]);
    });

    test('it is told as missed when the plan waits for the next time', async () => {
      const machine = await stoppedInRun({}, '2026-11-21T07:00:00Z');
      expect([machine.dueTimes, machine.events]).toMatchObject([[], [{ kind: 'schedule-missed', subject: 'schedule:backup' }]]);
    });

    test('nor is a time lost that comes while the service is about to stop', async () => {
      const machine = new Machine('2026-11-21T01:00:00Z', state);
      machine.isStopping = true;
      await machine.runUntil(machine.scheduler(plan()), '2026-11-21T01:30:00Z');
      machine.isStopping = false;
      machine.pass(60_000);
      await machine.scheduler(plan()).tick();
      expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
    });
  });
});

describe('when the clock changes', () => {
  test('back: a time that was run is not run again, and it is told', async () => {
    const machine = new Machine('2026-11-21T01:00:00Z', state);
    const scheduler = machine.scheduler(plan({ missed: 'run-once' }));
    await machine.runUntil(scheduler, '2026-11-21T01:31:00Z');
    machine.wallMs -= 3_600_000;
    await machine.runUntil(scheduler, '2026-11-21T02:00:00Z');
    expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
    expect(machine.events).toMatchObject([{ kind: 'clock-changed', title: 'The clock of the machine was set back' }]);
  });

  test('forward: times in between are missed times', async () => {
    const machine = new Machine('2026-11-20T12:00:00Z', state);
    const scheduler = machine.scheduler(plan({ missed: 'run-once' }));
    await scheduler.tick();
    machine.wallMs += 20 * 3_600_000;
    await scheduler.tick();
    expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
    expect(machine.events).toMatchObject([{ kind: 'clock-changed', title: 'The clock of the machine was set forward' }]);
  });

  test('only for those who slept: then nothing was set, and nobody is told', async () => {
    const machine = new Machine('2026-11-20T12:00:00Z', state);
    const scheduler = machine.scheduler(plan({ missed: 'run-once' }));
    await scheduler.tick();
    machine.wallMs += 20 * 3_600_000;
    machine.uptimeMs += 20 * 3_600_000;
    await scheduler.tick();
    expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
    expect(machine.events).toEqual([]);
  });

  test('from far in the future: the schedule starts afresh instead of waiting for years', async () => {
    const machine = new Machine('2036-11-20T12:00:00Z', state);
    await machine.scheduler(plan()).tick();
    machine.wallMs = Date.parse('2026-11-20T12:00:00Z');
    const scheduler = machine.scheduler(plan());
    await machine.runUntil(scheduler, '2026-11-21T02:00:00Z');
    expect(machine.dueTimes).toEqual(['2026-11-21T01:30:00.000Z']);
    expect(machine.events).toMatchObject([{ kind: 'clock-changed', plan: 'home' }]);
  });
});
