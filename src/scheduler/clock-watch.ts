import type { Clock } from '../ports/clock.ts';

/** Less is what time servers do all day. */
const forwardMs = 2 * 60_000;
const backwardMs = 5_000;

export interface ClockJump {
  /** How much more the wall clock moved than time did. */
  readonly byMs: number;
  /** The machine slept: then the clock is right, and nothing was set. */
  readonly slept: boolean;
}

/** Compares the clock on the wall with time that only grows. */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #uptimeMs: () => number;
  #last: { readonly wallMs: number; readonly monotonicMs: number; readonly uptimeMs: number };

  constructor(clock: Clock, uptimeMs: () => number) {
    this.#clock = clock;
    this.#uptimeMs = uptimeMs;
    this.#last = this.#read();
  }

  /** What happened to the clock since the last look; null for nothing worth telling. */
  look(): ClockJump | null {
    const [before, now] = [this.#last, this.#read()];
    this.#last = now;
    const wallMs = now.wallMs - before.wallMs;
    const byMs = wallMs - (now.monotonicMs - before.monotonicMs);
    if (byMs <= forwardMs && byMs >= -backwardMs) return null;
    // The monotonic clock stands still while the machine sleeps; the time since its start does not.
    const againstUptimeMs = wallMs - (now.uptimeMs - before.uptimeMs);
    const slept = againstUptimeMs <= forwardMs && againstUptimeMs >= -backwardMs;
    return { byMs, slept };
  }

  #read() {
    return { wallMs: this.#clock.now().getTime(), monotonicMs: this.#clock.monotonicMs(), uptimeMs: this.#uptimeMs() };
  }
}
