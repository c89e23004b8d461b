import type { Clock } from '../ports/clock.ts';

/** Processor time that replies may take while a run goes on: so much of each window, however many clients ask. */
const budgetMs = 5;
const windowMs = 100;
/** Work that was not the API's counts too; it must not keep people waiting for long. */
const greatestDebtMs = 4 * budgetMs;

export interface PacingOptions {
  /** True while a run goes on. */
  isBusy(): boolean;
  readonly clock: Clock;
  /** Milliseconds of processor time that this process has used. */
  processorMs(): number;
}

/**
 * Lets requests in one after the other, oldest first, so that a backup keeps the machine to itself however many clients there
 * are. Nobody is refused, and at least one is let in each window. Without a run all are let in at once.
 */
export class Pacing {
  readonly #options: PacingOptions;
  readonly #waiting: (() => void)[] = [];
  #allowanceMs = budgetMs;
  #settledAtMs = 0;
  #usedMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: PacingOptions) {
    this.#options = options;
  }

  /** Null when the request may go on at once, which is nearly always: it then costs no turn of the event loop. */
  turn(): Promise<void> | null {
    if (this.#waiting.length === 0 && (!this.#options.isBusy() || this.#hasAllowance())) return null;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#timer ??= setTimeout(() => this.#letIn(), windowMs);
    });
  }

  /** Lets everybody in; for the end of the service. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #letIn(): void {
    this.#timer = null;
    if (!this.#options.isBusy()) return this.close();
    this.#waiting.shift()?.();
    setImmediate(() => this.#letInWhileAllowed());
  }

  /** One at a time: what each costs is known only after it. */
  #letInWhileAllowed(): void {
    if (this.#waiting.length === 0 || this.#timer !== null) return;
    if (!this.#hasAllowance()) {
      this.#timer = setTimeout(() => this.#letIn(), windowMs);
      return;
    }
    this.#waiting.shift()?.();
    setImmediate(() => this.#letInWhileAllowed());
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
