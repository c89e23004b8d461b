/** A value that must not be seen. It prints as `[secret]` wherever it is logged, joined or serialised. */
export class Secret {
  readonly #value: string | Error;
  /** Where it came from (`env:DATABASE_URL`, `file:/run/secrets/x`, `literal`): safe to show. */
  readonly origin: string;

  /** An error in place of the value is thrown by `reveal`: a reference that led nowhere, found out when it is needed. */
  constructor(value: string | Error, origin: string) {
    this.#value = value;
    this.origin = origin;
  }

  /** The value itself: call it only where it is handed to the system that needs it. */
  reveal(): string {
    if (typeof this.#value !== 'string') throw this.#value;
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
