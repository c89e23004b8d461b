import { HoldfastError } from '../../domain/errors.ts';
import { failuresOf } from '../../operations/accounts.ts';
import type { AccessContext } from './access-context.ts';
import { networkOf } from './network.ts';

const minuteMs = 60_000;
const windowMs = 15 * minuteMs;
const longestWaitMs = 15 * minuteMs;
const dayMs = 24 * 60 * minuteMs;
/** Wrong tries before waits begin. An address may be that of a whole office. */
const freeOfName = 5;
const freeOfAddress = 50;
const alarmEvery = 20;

export interface Attempt {
  /** Null when no name is given, as with a passkey. */
  readonly name: string | null;
  readonly address: string;
}

interface Subject {
  readonly key: string;
  readonly free: number;
}

/**
 * Lets people try to sign in, and makes those wait who were wrong too often: by name and by address, longer each time. Those
 * who are made to wait cost no password hash.
 */
export class SignInLimits {
  readonly #context: Pick<AccessContext, 'state' | 'clock'>;
  /** Tries under way count as wrong: a thousand at once are not a thousand free ones. */
  readonly #underWay = new Map<string, number>();

  constructor(context: Pick<AccessContext, 'state' | 'clock'>) {
    this.#context = context;
  }

  /**
   * What `work` found; undefined from it is a wrong try, which is counted. `alarm` is called with the number of wrong tries of
   * the name within a day whenever it is round. Throws `RATE_LIMITED`, and what `work` throws: neither counts.
   */
  async attempt<T>(attempt: Attempt, work: () => Promise<T | undefined>, alarm: (wrong: number) => Promise<void>): Promise<T | undefined> {
    const subjects = subjectsOf(attempt);
    for (const { key } of subjects) this.#count(key, 1);
    try {
      for (const subject of subjects) await this.#refuseHasty(subject);
      const found = await work();
      if (found === undefined) await this.#failed(subjects, attempt, alarm);
      else if (attempt.name !== null) await this.#context.state.accounts.clearFailures(failuresOf(attempt.name));
      return found;
    } finally {
      for (const { key } of subjects) this.#count(key, -1);
    }
  }

  async #refuseHasty({ key, free }: Subject): Promise<void> {
    const now = this.#context.clock.now().getTime();
    const failures = await this.#context.state.accounts.failures(key, new Date(now - windowMs));
    const others = (this.#underWay.get(key) ?? 1) - 1;
    const wrong = failures.length + others;
    if (wrong < free) return;
    const last = others > 0 ? now : (failures.at(-1)?.getTime() ?? now);
    const waitMs = Math.min(1000 * 2 ** (wrong - free), longestWaitMs) - (now - last);
    if (waitMs > 0) throw tooOften(waitMs);
  }

  async #failed(subjects: readonly Subject[], { name }: Attempt, alarm: (wrong: number) => Promise<void>): Promise<void> {
    const { state, clock } = this.#context;
    for (const { key } of subjects) await state.accounts.recordFailure(key, clock.now());
    if (name === null) return;
    const wrong = (await state.accounts.failures(failuresOf(name), new Date(clock.now().getTime() - dayMs))).length;
    if (wrong % alarmEvery === 0) await alarm(wrong);
  }

  #count(key: string, change: 1 | -1): void {
    const count = (this.#underWay.get(key) ?? 0) + change;
    if (count === 0) this.#underWay.delete(key);
    else this.#underWay.set(key, count);
  }
}

function subjectsOf({ name, address }: Attempt): readonly Subject[] {
  const place: Subject = { key: `address:${networkOf(address)}`, free: freeOfAddress };
  return name === null ? [place] : [{ key: failuresOf(name), free: freeOfName }, place];
}

function tooOften(delayMs: number): HoldfastError {
  const seconds = Math.ceil(delayMs / 1000);
  return new HoldfastError('RATE_LIMITED', `Too many wrong tries to sign in: the next is heard in ${seconds} s`, {
    hint: `Wait ${seconds} s; who forgot a password is helped by an administrator, or by holdfast user reset-password NAME`,
    retry: { kind: 'after', delayMs },
  });
}
