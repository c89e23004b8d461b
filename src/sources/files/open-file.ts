import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { isSystemError } from '../../platform/system-error.ts';

/** A regular file, open for reading, and its state at that moment. */
export interface OpenFile {
  readonly fd: number;
  readonly stats: BigIntStats;
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
// O_NONBLOCK: should a pipe have come in the file's place, opening it does not wait for a writer.
const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
/** Absent on other systems than Linux. */
const noAccessTime = constants.O_NOATIME ?? 0;

/** Null when something else than a regular file has come in its place. */
export function openFile(path: Buffer): OpenFile | null {
  const fd = openQuietly(path);
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (stats.isFile()) return { fd, stats };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return null;
}

/** Only owners may read without leaving a time of access. */
function openQuietly(path: Buffer): number {
  try {
    return openSync(path, flags | noAccessTime);
  } catch (error) {
    if (!isSystemError(error, 'EPERM') || noAccessTime === 0) throw error;
    return openSync(path, flags);
  }
}
