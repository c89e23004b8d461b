import { closeSync } from 'node:fs';
import type { PacedReader } from '../../platform/paced-reader.ts';
import type { Posix } from '../../platform/posix.ts';
import type { Found, TreeWalk } from './tree-walk.ts';

/** Enough to keep a disk busy, few enough that no limit on open files matters. */
const depth = 16;
/** Nothing beyond a large file is opened before that was read: it might change meanwhile, which counts against it. */
const aheadBytes = 4 << 20;

/**
 * Keeps a few entries open beyond the one that is being read, and has the kernel fetch their content meanwhile: a backup
 * reads what nobody read for a day, and would otherwise wait for each small file in turn.
 */
export class LookAhead {
  readonly #walk: TreeWalk;
  readonly #posix: Posix | undefined;
  readonly #reader: PacedReader;
  readonly #queue: Found[] = [];
  #queuedBytes = 0;

  constructor(walk: TreeWalk, { posix, reader }: { readonly posix: Posix | undefined; readonly reader: PacedReader }) {
    this.#walk = walk;
    this.#posix = posix;
    this.#reader = reader;
  }

  /** The next entry; its file, when it has one, is the caller's to close. */
  next(): Found | undefined {
    while (this.#queue.length < depth && this.#queuedBytes < aheadBytes) {
      const found = this.#walk.next();
      if (found === undefined) break;
      if (found.file !== null && this.#reader.isSlow) this.#posix?.readAhead(found.file.fd, Math.min(found.entry.sizeBytes, aheadBytes));
      this.#queue.push(found);
      this.#queuedBytes += found.entry.sizeBytes;
    }
    const next = this.#queue.shift();
    this.#queuedBytes -= next?.entry.sizeBytes ?? 0;
    return next;
  }

  close(): void {
    for (const { file } of this.#queue.splice(0)) if (file !== null) closeSync(file.fd);
    this.#walk.close();
  }
}
