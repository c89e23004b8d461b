/**
 * Every way Holdfast can refuse or fail, as a closed set. Callers branch on the code, never on the message;
 * `docs/errors.md` gives cause and remedy for each, and a test keeps the two in step.
 */
export const errorCodes = [
  // what was asked for
  'USAGE',
  'CONFIG_NOT_FOUND',
  'CONFIG_INVALID',
  'SECRET_MISSING',
  'PLAN_UNKNOWN',
  'SNAPSHOT_UNKNOWN',
  'CONFIRMATION_NEEDED',
  // reading a source
  'TOOL_MISSING',
  'TOOL_FAILED',
  'SERVER_UNREACHABLE',
  'CREDENTIALS_REJECTED',
  'PERMISSION_DENIED',
  'DATABASE_UNKNOWN',
  'DUMP_INCOMPLETE',
  'SOURCE_MISSING',
  'SOURCE_EMPTY',
  'SOURCE_UNREADABLE',
  // keeping in a store
  'STORE_ABSENT',
  'STORE_UNREADABLE',
  'STORE_FULL',
  'STORE_FAILED',
  'NAME_INVALID',
  'NAME_TAKEN',
  'OBJECT_MISSING',
  // proving
  'LENGTH_MISMATCH',
  'DIGEST_MISMATCH',
  'ARCHIVE_CORRUPT',
  'MANIFEST_INVALID',
  'MANIFEST_SWAPPED',
  'DRILL_DIFFERS',
  'NOT_VERIFIED',
  // keys
  'KEY_MISSING',
  'KEY_REJECTED',
  // restoring
  'ROLE_MISSING',
  'EXTENSION_MISSING',
  'TARGET_EXISTS',
  'TARGET_FAILED',
  'RESTORE_HALF_DONE',
  'SPACE_SHORT',
  // leave to act
  'UNAUTHENTICATED',
  'SIGN_IN_FAILED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'CONFIRMATION_REJECTED',
  'TOKEN_UNKNOWN',
  'USER_EXISTS',
  // requests
  'REQUEST_INVALID',
  'BODY_TOO_LARGE',
  'MEDIA_TYPE',
  'RANGE_INVALID',
  'IDEMPOTENCY_MISMATCH',
  'REQUEST_INTERRUPTED',
  'NOT_FOUND',
  'RUN_UNKNOWN',
  // the service
  'LISTEN_FAILED',
  'STATE_UNREADABLE',
  'SERVICE_STOPPING',
  'DASHBOARD_MISSING',
  'NOTIFY_FAILED',
  'NOTIFY_REJECTED',
  // running
  'LOCK_HELD',
  'HISTORY_UNREADABLE',
  'CANCELLED',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** Whether the same call may succeed later. Only a retry wrapper reads it. */
export type Retry = { readonly kind: 'never' } | { readonly kind: 'later' } | { readonly kind: 'after'; readonly delayMs: number };

export interface ErrorOptions {
  /** The user's next action: one imperative sentence, with the command to run where there is one. */
  readonly hint: string;
  readonly cause?: unknown;
  readonly retry?: Retry;
  /** Plain facts for `--json` readers: names, sizes, versions. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The only error that crosses a module boundary. The message says what failed, on what, and the state found
 * (`Cannot store snapshot "db-0412" in "nas": 1.2 GB free, 4.0 GB needed`), without a full stop.
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retry: Retry;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retry = options.retry ?? { kind: 'never' };
    this.details = options.details ?? {};
  }
}

/** An error as reports, `--json` and the history tell it. */
export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** True for a HoldfastError, of the given code when one is given. */
export function isHoldfastError(error: unknown, code?: ErrorCode): error is HoldfastError {
  return error instanceof HoldfastError && (code === undefined || error.code === code);
}

/** Throws `CANCELLED` when the signal has fired. Call it before every step that would change something. */
export function throwIfAborted(signal: AbortSignalLike): void {
  if (signal.aborted) throw cancelled(signal);
}

export function cancelled(signal: AbortSignalLike): HoldfastError {
  return isHoldfastError(signal.reason)
    ? signal.reason
    : new HoldfastError('CANCELLED', 'Cancelled before it was done', {
        hint: 'Run the command again; nothing half-done was kept',
        cause: signal.reason,
      });
}

/** What the domain needs of an `AbortSignal`, so that it depends on no platform library. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
}
