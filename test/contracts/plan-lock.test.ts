import { HoldfastError } from '../../src/domain/errors.ts';
import type { PlanLock } from '../../src/ports/plan-lock.ts';
import { overriding } from '../fakes/overriding.ts';
import { describeContract, describeContractTests } from './contract.ts';
import type { Factory } from './contract.ts';
import { planLockClauses } from './plan-lock.ts';
import type { PlanLockSubject } from './plan-lock.ts';

/** Who has it: one alone, or those who share it. */
type Held = Map<string, object | Set<object>>;

/** Right in one process. */
function memoryLock(held: Held): PlanLock {
  return {
    async acquire(plan) {
      check(plan);
      if (held.has(plan)) throw lockHeld(`process ${process.pid} on this machine since ${new Date().toISOString()}`);
      const token = {};
      held.set(plan, token);
      return {
        async [Symbol.asyncDispose]() {
          if (held.get(plan) === token) held.delete(plan);
        },
      };
    },
    async share(plan) {
      check(plan);
      const sharers = held.get(plan) ?? new Set();
      if (!(sharers instanceof Set)) throw lockHeld('somebody');
      const token = {};
      held.set(plan, sharers.add(token));
      return {
        async [Symbol.asyncDispose]() {
          sharers.delete(token);
          if (sharers.size === 0 && held.get(plan) === sharers) held.delete(plan);
        },
      };
    },
    async isHeld(plan) {
      check(plan);
      return held.has(plan);
    },
  };
}

function check(plan: string): void {
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(plan)) throw new HoldfastError('NAME_INVALID', 'Cannot lock it', { hint: 'Use another name' });
}

function lockHeld(who: string): HoldfastError {
  return new HoldfastError('LOCK_HELD', `Cannot start: ${who} is at work on it`, { hint: 'Wait' });
}

function opened(open: (held: Held) => PlanLock): Factory<PlanLockSubject> {
  return async () => {
    const held: Held = new Map();
    return { open: () => open(held), async [Symbol.asyncDispose]() {} };
  };
}

function broken(breakIt: (right: PlanLock, held: Held) => Partial<PlanLock>): Factory<PlanLockSubject> {
  return opened((held) => {
    const right = memoryLock(held);
    return overriding(right, breakIt(right, held));
  });
}

const neverRefusing = broken((right, held) => ({
  acquire: async (plan) => {
    held.delete(plan);
    return right.acquire(plan);
  },
}));

describeContract('a plan lock in memory keeps the plan lock contract', { clauses: planLockClauses, make: opened(memoryLock) });

describeContractTests('the plan lock contract', {
  clauses: planLockClauses,
  broken: {
    'a lock that was released can be had again': broken((right) => ({
      acquire: async (plan) => right.acquire(plan).then(() => ({ async [Symbol.asyncDispose]() {} })),
    })),
    'a second holder is refused and told who holds it, since when': broken((right) => ({
      acquire: (plan) =>
        right.acquire(plan).catch(() => {
          throw lockHeld('another process');
        }),
    })),
    'all views of the locks exclude each other': opened(() => memoryLock(new Map())),
    'plans are locked independently': broken((right) => ({ acquire: () => right.acquire('all') })),
    'of several who want it at once one gets it': neverRefusing,
    'several may share it, and nobody has it alone until the last of them is done': broken((right) => ({
      share: (plan) => right.acquire(plan),
    })),
    'asking whether it is held makes nobody give up': broken((right) => ({
      isHeld: async (plan) => {
        await using _asking = await right.acquire(plan);
        await new Promise((resolve) => setTimeout(resolve, 5));
        return false;
      },
    })),
    'releasing twice does not release the next holder': broken((right, held) => ({
      acquire: async (plan) => {
        await right.acquire(plan);
        return {
          async [Symbol.asyncDispose]() {
            held.delete(plan);
          },
        };
      },
    })),
    'names that could leave the place are refused': broken((right) => ({
      isHeld: (plan) => right.isHeld(`x${plan.replaceAll(/[^a-z]/g, '')}`.slice(0, 20)),
    })),
  },
});
