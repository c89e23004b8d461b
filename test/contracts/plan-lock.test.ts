import { HoldfastError } from '../../src/domain/errors.ts';
import type { PlanLock } from '../../src/ports/plan-lock.ts';
import { overriding } from '../fakes/overriding.ts';
import { describeContract, describeContractTests } from './contract.ts';
import type { Factory } from './contract.ts';
import { planLockClauses } from './plan-lock.ts';
import type { PlanLockSubject } from './plan-lock.ts';

/** Who has it. */
type Held = Map<string, object>;

/** Right in one process. */
function memoryLock(held: Held): PlanLock {
  return {
    acquire: async (plan) => hold(held, checked(plan)),
    isHeld: async (plan) => held.has(checked(plan)),
    proveAlive: async (run) => hold(held, `run ${checked(run)}`),
    isAlive: async (run) => held.has(`run ${checked(run)}`),
  };
}

function hold(held: Held, name: string): AsyncDisposable {
  if (held.has(name)) throw lockHeld(`process ${process.pid} on this machine since ${new Date().toISOString()}`);
  const token = {};
  held.set(name, token);
  return {
    async [Symbol.asyncDispose]() {
      if (held.get(name) === token) held.delete(name);
    },
  };
}

function checked(name: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,63}$/.test(name)) return name;
  throw new HoldfastError('NAME_INVALID', 'Cannot lock it', { hint: 'Use another name' });
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
    'a run is alive for all views while one of them proves it, whoever holds the plan of that name': broken((right) => ({
      proveAlive: (run) => right.acquire(run),
      isAlive: (run) => right.isHeld(run),
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
