import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pacing } from './pacing.ts';

/** A processor and a clock of the test's own. */
function played() {
  const world = { isBusy: true, nowMs: 0, usedMs: 0 };
  const clock = { now: () => new Date(world.nowMs), monotonicMs: () => world.nowMs };
  const pacing = new Pacing({ isBusy: () => world.isBusy, clock, processorMs: () => world.usedMs });
  const pass = async (ms: number): Promise<void> => {
    for (let step = 0; step < ms; step += 100) {
      world.nowMs += 100;
      await vi.advanceTimersByTimeAsync(100);
    }
  };
  return { world, pacing, pass };
}

/** Asks for so many turns; each that comes costs so much, and is numbered. */
function ask(pacing: Pacing, { count, costMs, world }: { count: number; costMs: number; world: { usedMs: number } }): number[] {
  const came: number[] = [];
  for (let number = 0; number < count; number++) {
    const turn = pacing.turn(new AbortController().signal);
    const take = (): void => {
      world.usedMs += costMs;
      came.push(number);
    };
    if (turn === null) take();
    else void turn.then(take);
  }
  return came;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('Pacing', () => {
  test('lets everybody in at once while nothing runs', () => {
    const { pacing, world } = played();
    world.isBusy = false;
    expect(ask(pacing, { count: 1000, costMs: 10, world })).toHaveLength(1000);
  });

  test('spends a twentieth of the time while a run goes on, oldest first', async () => {
    const { pacing, world, pass } = played();
    const came = ask(pacing, { count: 1000, costMs: 0.5, world });
    await pass(5_000);
    expect(world.usedMs).toBeGreaterThan(200);
    expect(world.usedMs).toBeLessThan(300);
    expect(came).toEqual(came.toSorted((a, b) => a - b));
  });

  test('lets in one of those who wait in each window, however busy the service is', async () => {
    const { pacing, world, pass } = played();
    world.usedMs = 1_000_000;
    const came = ask(pacing, { count: 50, costMs: 100, world });
    await pass(2_000);
    expect(came.length).toBeGreaterThanOrEqual(19);
  });

  test('lets in all who wait when the run ends', async () => {
    const { pacing, world, pass } = played();
    const came = ask(pacing, { count: 500, costMs: 5, world });
    expect(came.length).toBeLessThan(10);
    world.isBusy = false;
    await pass(100);
    expect(came).toHaveLength(500);
  });

  test('keeps nobody when it is closed', async () => {
    const { pacing, world } = played();
    const came = ask(pacing, { count: 50, costMs: 50, world });
    pacing.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(came).toHaveLength(50);
  });

  test('forgets who is gone, and refuses who comes when a thousand wait', async () => {
    const { pacing, world, pass } = played();
    world.usedMs = 1_000_000;
    const client = new AbortController();
    const left = Array.from({ length: 1000 }, async () => await pacing.turn(client.signal));
    expect(() => pacing.turn(client.signal)).toThrow('1000 requests wait');
    client.abort();
    expect((await Promise.allSettled(left)).every(({ status }) => status === 'rejected')).toBe(true);
    const came = ask(pacing, { count: 1, costMs: 0, world });
    await pass(200);
    expect(came).toEqual([0]);
  });
});
