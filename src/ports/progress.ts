/** Shows how far an operation is. Steps follow one another; a step ends when the next begins or the operation does. */
export interface Progress {
  /** `doneBytes` is asked whenever the display wants to know; `totalBytes` is null when nobody can tell. */
  step(label: string, totalBytes: number | null, doneBytes: () => number): void;
}
