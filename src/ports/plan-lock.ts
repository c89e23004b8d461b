/**
 * At most one run per plan. Held by proof of life: the operating system lets go of it when the holder dies in whatever way,
 * so there is no stale lock to clear.
 */
export interface PlanLock {
  /** Throws `LOCK_HELD`, saying since when and by which process, when somebody alive holds it. */
  acquire(plan: string): Promise<AsyncDisposable>;
  /** True when somebody alive holds it. */
  isHeld(plan: string): Promise<boolean>;
  /**
   * Holds the proof that a run is alive, by the run's key, in the same way; whoever looks for dead runs holds it too while
   * it closes one. Throws `LOCK_HELD` when somebody alive has it. Nothing of it stays when it is let go.
   */
  proveAlive(run: string): Promise<AsyncDisposable>;
  isAlive(run: string): Promise<boolean>;
}
