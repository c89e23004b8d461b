import { getSystemErrorMap } from 'node:util';

/** What Node makes of a failed system call: `code` is the errno name (`ENOSPC`). */
export interface SystemError extends Error {
  readonly code: string;
  readonly syscall?: string;
  readonly path?: string;
}

/** True for a failed system call, with one of the given errno names when any are given. */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is SystemError {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return codes.length === 0 ? /^E[A-Z0-9]+$/.test(error.code) : codes.includes(error.code);
}

/** For people, with the name for those who search: `permission denied (EACCES)`. */
export function systemReason(code: string): string {
  const words = [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1];
  return words === undefined ? code : `${words} (${code})`;
}
