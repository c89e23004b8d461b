import { HoldfastError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';

/** Processor time that replies may take while a run goes on: so much of each window, however many clients ask. */
const budgetMs = 5;
const windowMs = 100;
/** Work that was not the API's counts too; it must not keep people waiting for long. */
const greatestDebtMs = 4 * budgetMs;

/** Each holds memory while it waits. */
const mostWaiting = 1000;

export interface PacingOptions {
  /** True while a run goes on. */
  isBusy(): boolean;
  readonly clock: Clock;
  /** Milliseconds of processor time that this process has used. */
  processorMs(): number;
}

/**
 * Lets requests in one after the other, oldest first, so that a backup keeps the machine to itself however many clients there
 * are. At least one is let in each window; who comes when a thousand wait is refused. Without a run all are let in at once.
 */
export class Pacing {
  readonly #options: PacingOptions;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();
  #allowanceMs = budgetMs;
  #settledAtMs = 0;
  #usedMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: PacingOptions) {
    this.#options = options;
  }

  /**
   * Null when the request may go on at once, which is nearly always: it then costs no turn of the event loop. Whoever is gone
   * waits no longer: that rejects with the signal's reason. Throws `RATE_LIMITED`.
   */
  turn(gone: AbortSignal): Promise<void> | null {
    if (this.#waiting.size === 0 && (!this.#options.isBusy() || this.#hasAllowance())) return null;
    if (this.#waiting.size >= mostWaiting) throw tooManyWait();
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        gone.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(enter);
        reject(gone.reason as Error);
      };
      gone.addEventListener('abort', leave, { once: true });
      this.#waiting.add(enter);
      this.#timer ??= setTimeout(() => this.#letIn(), windowMs);
    });
  }

  /** Lets everybody in; for the end of the service. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const enter of this.#waiting) enter();
    this.#waiting.clear();
  }

  #letIn(): void {
    this.#timer = null;
    if (!this.#options.isBusy()) return this.close();
    this.#enterOldest();
    setImmediate(() => this.#letInWhileAllowed());
  }

  /** One at a time: what each costs is known only after it. */
  #letInWhileAllowed(): void {
    if (this.#waiting.size === 0 || this.#timer !== null) return;
    if (!this.#hasAllowance()) {
      this.#timer = setTimeout(() => this.#letIn(), windowMs);
      return;
    }
    this.#enterOldest();
    setImmediate(() => this.#letInWhileAllowed());
  }

  #enterOldest(): void {
    const [enter] = this.#waiting;
    if (enter === undefined) return;
    this.#waiting.delete(enter);
    enter();
  }

  #hasAllowance(): boolean {
    const [nowMs, usedMs] = [this.#options.clock.monotonicMs(), this.#options.processorMs()];
    const earnedMs = ((nowMs - this.#settledAtMs) * budgetMs) / windowMs;
    const allowanceMs = this.#allowanceMs + earnedMs - (usedMs - this.#usedMs);
    this.#allowanceMs = Math.min(budgetMs, Math.max(-greatestDebtMs, allowanceMs));
    [this.#settledAtMs, this.#usedMs] = [nowMs, usedMs];
    return this.#allowanceMs > 0;
  }
}

function tooManyWait(): HoldfastError {
  return new HoldfastError('RATE_LIMITED', `${mostWaiting} requests wait until a backup leaves them some of the processor`, {
    hint: 'Ask again later, and less often while a run goes on',
    retry: { kind: 'after', delayMs: 10_000 },
  });
}
