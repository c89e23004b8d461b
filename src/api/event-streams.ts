import { HoldfastError } from '../domain/errors.ts';
import type { Principal } from '../domain/principal.ts';
import { EventStream } from './event-stream.ts';
import { actorOf } from './idempotency.ts';

/** Each page of the dashboard has one or two open; each may hold a megabyte that its client has not read yet. */
const mostOfOne = 20;
const mostInAll = 100;
/** Who signed out, or whose token was revoked, hears no more after this. */
const longestMs = 10 * 60_000;

/** Opens streams of server-sent events, so many to each user or token and so many in all, for ten minutes. */
export class EventStreams {
  readonly #open = new Map<string, number>();

  /** Throws `RATE_LIMITED`. */
  open(principal: Principal | null, gone: AbortSignal): EventStream {
    const owner = principal === null ? '' : actorOf(principal);
    if (this.#count(owner) >= mostOfOne) throw tooMany(`${mostOfOne} event streams of this user or token`);
    if (this.#inAll() >= mostInAll) throw tooMany(`${mostInAll} event streams`);
    const stream = new EventStream(gone);
    this.#open.set(owner, this.#count(owner) + 1);
    stream.whenClosed(() => this.#closed(owner));
    stream.endAfter(longestMs);
    return stream;
  }

  #count(owner: string): number {
    return this.#open.get(owner) ?? 0;
  }

  #inAll(): number {
    return [...this.#open.values()].reduce((sum, count) => sum + count, 0);
  }

  #closed(owner: string): void {
    const count = this.#count(owner) - 1;
    if (count === 0) this.#open.delete(owner);
    else this.#open.set(owner, count);
  }
}

function tooMany(which: string): HoldfastError {
  return new HoldfastError('RATE_LIMITED', `${which} are open, and no more are served at once`, {
    hint: 'Close one, or ask for the status now and then: GET /api/v1/status',
    retry: { kind: 'after', delayMs: 10_000 },
  });
}
