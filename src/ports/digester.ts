/** Computes one SHA-256 over bytes given in order. */
export interface Digester {
  /** Finishes with the bytes before it returns; a promise means: wait before you give more. */
  update(bytes: Uint8Array): void | Promise<void>;
  /** Lower-case hex. Call it once, last; afterwards nothing is left behind. */
  digest(): Promise<string>;
  /** Gives up: nothing is left behind. */
  discard(): void;
}
