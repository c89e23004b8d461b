import { HoldfastError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { networkOf } from './network.ts';

const validMs = 5 * 60_000;
/** Of all that wait for their answer; the oldest go. */
const mostWaiting = 1000;
/** Of those of one asker. An address may be that of a whole office. */
const mostOfOne = 50;

export interface Asker {
  /** Null for a stranger who wants to sign in. */
  readonly userId: string | null;
  readonly address: string;
}

interface Waiting {
  readonly userId: string | null;
  readonly askedBy: string;
  readonly endsMs: number;
}

/** Questions that were put to authenticators: each is answered once, within five minutes. */
export class PasskeyChallenges {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Throws `RATE_LIMITED` to whoever left too many unanswered: they would push out those of others. */
  expect(challenge: string, { userId, address }: Asker): void {
    const nowMs = this.#clock.monotonicMs();
    this.#forget(nowMs);
    const askedBy = userId ?? networkOf(address);
    const own = [...this.#waiting.values()].filter((waiting) => waiting.askedBy === askedBy);
    if (own[0] !== undefined && own.length >= mostOfOne) throw tooMany(own[0].endsMs - nowMs);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size >= mostWaiting && oldest !== undefined) this.#waiting.delete(oldest);
    this.#waiting.set(challenge, { userId, askedBy, endsMs: nowMs + validMs });
  }

  /** True once for a challenge that was put to this user, or for null to a stranger. */
  take(challenge: string, userId: string | null): boolean {
    this.#forget(this.#clock.monotonicMs());
    const waiting = this.#waiting.get(challenge);
    this.#waiting.delete(challenge);
    return waiting !== undefined && waiting.userId === userId;
  }

  #forget(nowMs: number): void {
    for (const [challenge, { endsMs }] of this.#waiting) if (endsMs <= nowMs) this.#waiting.delete(challenge);
  }
}

function tooMany(delayMs: number): HoldfastError {
  const seconds = Math.ceil(delayMs / 1000);
  return new HoldfastError('RATE_LIMITED', `Too many tries with a passkey were begun and not ended: the next begins in ${seconds} s`, {
    hint: `Wait ${seconds} s, or sign in another way`,
    retry: { kind: 'after', delayMs },
  });
}
