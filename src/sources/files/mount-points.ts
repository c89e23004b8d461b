import { lstatSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError } from '../../platform/system-error.ts';

/**
 * True when something is mounted there, a bind mount of the same file system too, which cannot be renamed. `path` without
 * symlinks; false when there is nothing.
 *
 * @see proc_pid_mountinfo(5)
 */
export function isMountPoint(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (path === '/' || lstatSync(dirname(path)).dev !== stats.dev) return true;
  return mountInfo()
    .split('\n')
    .some((line) => unescaped(line.split(' ')[4] ?? '') === path);
}

/** Empty on systems that do not have it. */
function mountInfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch (error) {
    if (isSystemError(error)) return '';
    throw error;
  }
}

/** Blanks, tabs, newlines and backslashes stand there as `\040`. */
function unescaped(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
