/** Turns passwords into something that may be kept. */
export interface PasswordHash {
  /** Text that tells its own method and salt; slow on purpose. */
  hash(password: string): Promise<string>;
  /** Takes as long, and is false, when there is no hash: how long it takes must not tell which names there are. */
  verify(password: string, hash: string | null): Promise<boolean>;
}

/** Codes of an authenticator app. */
export interface OneTimeCodes {
  /** A new shared secret, in letters and digits that can be typed. */
  newSecret(): string;
  /** What an authenticator app reads: `otpauth://…`. */
  uri(secret: string, account: string): string;
  /**
   * The time step that the code belongs to, when it fits the secret now and is newer than the step used last; null otherwise. A
   * code is used up by remembering its step.
   */
  step(given: { readonly secret: string; readonly code: string; readonly now: Date; readonly usedStep: number | null }): number | null;
}

/** Encrypts small texts under the key of this installation. */
export interface Seal {
  seal(text: string): string;
  /** Null for whatever this key did not seal. */
  unseal(sealed: string): string | null;
}
