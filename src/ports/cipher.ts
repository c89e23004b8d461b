/**
 * Encrypts and decrypts a whole byte stream. Authenticated: a stream that was altered or cut short fails with
 * `ARCHIVE_CORRUPT`, though bytes before the damage may have been yielded. Chunks belong to whoever receives them.
 */
export interface Cipher {
  encrypt(plain: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Throws `KEY_MISSING` when no identity is configured, `KEY_REJECTED` when none of them opens it. */
  decrypt(sealed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** False when nothing is configured that could open what `encrypt` makes: reading back must then be left out. */
  readonly canDecrypt: boolean;
}
