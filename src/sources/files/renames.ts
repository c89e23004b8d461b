import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, renameSync, rmdirSync } from 'node:fs';
import type { Posix } from '../../platform/posix.ts';
import { isSystemError } from '../../platform/system-error.ts';
import { latin1Bytes } from './latin1.ts';

/** Renames that can be taken back as long as nothing else is done. All paths are latin1 strings. */
export class Renames {
  readonly #posix: Posix | undefined;
  readonly #undo: (() => void)[] = [];
  readonly #directories = new Set<string>();

  constructor(posix: Posix | undefined) {
    this.#posix = posix;
  }

  rename(from: string, to: string): void {
    renameSync(latin1Bytes(from), latin1Bytes(to));
    this.#undo.push(() => renameSync(latin1Bytes(to), latin1Bytes(from)));
    this.#touch(from, to);
  }

  change(step: { do(): void; undo(): void }): void {
    this.#undo.push(() => step.undo());
    step.do();
  }

  makeDirectory(path: string): void {
    mkdirSync(latin1Bytes(path), { mode: 0o700 });
    this.#undo.push(() => rmdirSync(latin1Bytes(path)));
    this.#touch(path);
  }

  /** Puts `from` where `to` is and `to` where `kept` will be: in one step where the system can, so that there is no moment without it. */
  replace(from: string, to: string, kept: string): void {
    if (this.#posix?.exchange(latin1Bytes(from), latin1Bytes(to)) === true) {
      this.#undo.push(() => void this.#posix?.exchange(latin1Bytes(from), latin1Bytes(to)));
      this.rename(from, kept);
    } else {
      this.rename(to, kept);
      this.rename(from, to);
    }
    this.#touch(to);
  }

  /** Takes all of it back, last first, as far as that goes. Returns what could not be undone. */
  undo(): readonly unknown[] {
    const failures: unknown[] = [];
    for (const step of this.#undo.splice(0).toReversed()) {
      try {
        step();
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }

  /** Puts the renames on stable storage. */
  flush(): void {
    flushDirectories(this.#directories);
  }

  #touch(...paths: readonly string[]): void {
    for (const path of paths) this.#directories.add(path.slice(0, path.lastIndexOf('/')));
  }
}

/** Paths as latin1. */
export function flushDirectories(directories: Iterable<string>): void {
  for (const directory of new Set(directories)) flushDirectory(directory);
}

/** A directory may have been moved itself by now; then its new place is flushed with another. */
function flushDirectory(path: string): void {
  if (lstatSync(latin1Bytes(path === '' ? '/' : path), { throwIfNoEntry: false }) === undefined) return;
  const fd = openSync(latin1Bytes(path === '' ? '/' : path), 'r');
  try {
    fsyncSync(fd);
  } catch (error) {
    // Some network file systems cannot flush a directory.
    if (!isSystemError(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
  } finally {
    closeSync(fd);
  }
}
