import { expect } from 'vitest';
import type { PlanLock } from '../../src/ports/plan-lock.ts';
import type { Clause } from './contract.ts';
import { expectCode } from './object-store.ts';

export interface PlanLockSubject {
  /** Another view of the same locks, again each time. */
  open(): PlanLock;
}

/** What a plan lock promises (`src/ports/plan-lock.ts`), within one process; other processes are tested with each adapter. */
export const planLockClauses: readonly Clause<PlanLockSubject>[] = [
  clause('a lock that was released can be had again', async (lock) => {
    for (let round = 0; round < 3; round++) {
      await using _held = await lock.acquire('home');
      expect(await lock.isHeld('home')).toBe(true);
    }
    expect(await lock.isHeld('home')).toBe(false);
  }),
  clause('a second holder is refused and told who holds it, since when', async (lock) => {
    await using _held = await lock.acquire('home');
    await expectCode('LOCK_HELD', lock.acquire('home'));
    await expect(lock.acquire('home')).rejects.toThrow(new RegExp(`process ${process.pid} .*since \\d{4}-\\d\\d-\\d\\dT`));
  }),
  clause('all views of the locks exclude each other', async (lock, subject) => {
    const held = await lock.acquire('home');
    const other = subject.open();
    await expectCode('LOCK_HELD', other.acquire('home'));
    expect(await other.isHeld('home')).toBe(true);
    await held[Symbol.asyncDispose]();
    await using _now = await other.acquire('home');
    await expectCode('LOCK_HELD', lock.acquire('home'));
  }),
  clause('plans are locked independently', async (lock) => {
    await using _home = await lock.acquire('home');
    await using _office = await lock.acquire('office');
    expect(await lock.isHeld('third')).toBe(false);
  }),
  clause('of several who want it at once one gets it', async (lock) => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lock.acquire('home')));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    for (const result of results) if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]();
    expect(await lock.isHeld('home')).toBe(false);
  }),
  clause('a run is alive for all views while one of them proves it, whoever holds the plan of that name', async (lock, subject) => {
    await using _plan = await lock.acquire('one');
    expect(await lock.isAlive('one')).toBe(false);
    const proof = await lock.proveAlive('one');
    expect(await lock.isAlive('two')).toBe(false);
    expect(await subject.open().isAlive('one')).toBe(true);
    await expectCode('LOCK_HELD', subject.open().proveAlive('one'));
    await proof[Symbol.asyncDispose]();
    expect(await lock.isAlive('one')).toBe(false);
    await using _again = await subject.open().proveAlive('one');
    expect(await lock.isAlive('one')).toBe(true);
  }),
  clause('asking whether it is held makes nobody give up', async (lock, subject) => {
    const asking = Promise.allSettled(Array.from({ length: 40 }, () => subject.open().isHeld('home')));
    await using _held = await lock.acquire('home');
    for (const answer of await asking) expect(answer.status).toBe('fulfilled');
  }),
  clause('releasing twice does not release the next holder', async (lock) => {
    const first = await lock.acquire('home');
    await first[Symbol.asyncDispose]();
    await using _second = await lock.acquire('home');
    await first[Symbol.asyncDispose]();
    expect(await lock.isHeld('home')).toBe(true);
    await expect(lock.acquire('home')).rejects.toThrow(`process ${process.pid} `);
  }),
  clause('names that could leave the place are refused', async (lock) => {
    for (const name of ['', '..', '../home', 'a/b', 'a\0', 'Home', 'x'.repeat(65)]) {
      await expectCode('NAME_INVALID', lock.acquire(name));
      await expectCode('NAME_INVALID', lock.isHeld(name));
      await expectCode('NAME_INVALID', lock.proveAlive(name));
      await expectCode('NAME_INVALID', lock.isAlive(name));
    }
  }),
];

function clause(name: string, check: (lock: PlanLock, subject: PlanLockSubject) => Promise<void>): Clause<PlanLockSubject> {
  return { name, run: (subject) => check(subject.open(), subject) };
}
