/**
 * At most one run per plan. Held by proof of life: the operating system lets go of it when the holder dies in whatever way,
 * so there is no stale lock to clear.
 */
export interface PlanLock {
  /** Throws `LOCK_HELD`, saying since when and by which process, when somebody alive holds it. */
  acquire(plan: string): Promise<AsyncDisposable>;
  /**
   * The same lock, held together with others who share it: a proof of life of what may run several times at once. Throws
   * `LOCK_HELD` when somebody has it alone; while it is shared, `acquire` does.
   */
  share(plan: string): Promise<AsyncDisposable>;
  /** True when somebody alive holds it; used to tell a run that goes on from one that died. */
  isHeld(plan: string): Promise<boolean>;
}
