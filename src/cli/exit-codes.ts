import type { ErrorCode } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';

/** What monitoring may rely on; `docs/monitoring.md` lists them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  degraded: 3,
  unproven: 4,
  busy: 5,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const byError = {
  USAGE: 'usage',
  CONFIG_NOT_FOUND: 'usage',
  CONFIG_INVALID: 'usage',
  SECRET_MISSING: 'usage',
  PLAN_UNKNOWN: 'usage',
  SNAPSHOT_UNKNOWN: 'usage',
  CONFIRMATION_NEEDED: 'usage',
  TOOL_MISSING: 'failed',
  TOOL_FAILED: 'failed',
  SERVER_UNREACHABLE: 'failed',
  CREDENTIALS_REJECTED: 'failed',
  PERMISSION_DENIED: 'failed',
  DATABASE_UNKNOWN: 'failed',
  DUMP_INCOMPLETE: 'failed',
  SOURCE_MISSING: 'failed',
  SOURCE_EMPTY: 'failed',
  SOURCE_UNREADABLE: 'failed',
  STORE_ABSENT: 'failed',
  STORE_UNREADABLE: 'failed',
  STORE_FULL: 'failed',
  STORE_FAILED: 'failed',
  NAME_INVALID: 'failed',
  NAME_TAKEN: 'failed',
  OBJECT_MISSING: 'unproven',
  LENGTH_MISMATCH: 'unproven',
  DIGEST_MISMATCH: 'unproven',
  ARCHIVE_CORRUPT: 'unproven',
  MANIFEST_INVALID: 'unproven',
  MANIFEST_SWAPPED: 'unproven',
  DRILL_DIFFERS: 'unproven',
  NOT_VERIFIED: 'unproven',
  KEY_MISSING: 'failed',
  KEY_REJECTED: 'failed',
  ROLE_MISSING: 'failed',
  EXTENSION_MISSING: 'failed',
  TARGET_EXISTS: 'failed',
  TARGET_FAILED: 'failed',
  RESTORE_HALF_DONE: 'failed',
  SPACE_SHORT: 'failed',
  UNAUTHENTICATED: 'failed',
  SIGN_IN_FAILED: 'failed',
  FORBIDDEN: 'failed',
  RATE_LIMITED: 'busy',
  CONFIRMATION_REJECTED: 'usage',
  TOKEN_UNKNOWN: 'usage',
  USER_EXISTS: 'usage',
  REQUEST_INVALID: 'usage',
  BODY_TOO_LARGE: 'usage',
  MEDIA_TYPE: 'usage',
  RANGE_INVALID: 'usage',
  IDEMPOTENCY_MISMATCH: 'usage',
  REQUEST_INTERRUPTED: 'failed',
  NOT_FOUND: 'usage',
  RUN_UNKNOWN: 'usage',
  LISTEN_FAILED: 'failed',
  STATE_UNREADABLE: 'failed',
  SERVICE_STOPPING: 'busy',
  DASHBOARD_MISSING: 'failed',
  NOTIFY_FAILED: 'failed',
  NOTIFY_REJECTED: 'failed',
  LOCK_HELD: 'busy',
  HISTORY_UNREADABLE: 'failed',
  CANCELLED: 'interrupted',
  INTERNAL: 'failed',
} satisfies Record<ErrorCode, keyof typeof exitCodes>;

const byOutcome = {
  succeeded: 'done',
  degraded: 'degraded',
  failed: 'failed',
  skipped: 'busy',
  cancelled: 'interrupted',
} satisfies Record<Outcome, keyof typeof exitCodes>;

export function exitCodeOfError(code: string): ExitCode {
  return exitCodes[byError[code as ErrorCode] ?? 'failed'];
}

/** A failed run exits as its error does; a degraded one says so whatever its error. */
export function exitCodeOfRun(run: { readonly outcome: Outcome; readonly error: { readonly code: string } | null }): ExitCode {
  return run.outcome === 'failed' && run.error !== null ? exitCodeOfError(run.error.code) : exitCodes[byOutcome[run.outcome]];
}
