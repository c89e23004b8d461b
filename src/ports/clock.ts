/** The time, passed in. */
export interface Clock {
  /** Wall clock; may jump. */
  now(): Date;
  /** Milliseconds that only grow: for durations. */
  monotonicMs(): number;
}
