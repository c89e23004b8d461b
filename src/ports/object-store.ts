import { HoldfastError } from '../domain/errors.ts';

/**
 * A flat set of immutable named objects. A driver promises:
 *  - `put` is all or nothing: an object is listed, readable and complete, or absent, also after a crash at any moment.
 *    It returns only when the bytes are on stable storage, and it never replaces an object (`NAME_TAKEN`).
 *  - Names match `objectNamePattern`; every other name is refused with `NAME_INVALID` before anything is touched.
 *  - `get` of an absent object throws `OBJECT_MISSING`; a range beyond the end yields what there is.
 *  - `remove` is idempotent; it also removes what an interrupted `put` of that name left.
 *  - `list` yields whole objects only, each once, in any order; other files in the same place are yielded too when their
 *    names are valid, so callers must know their own.
 *  - Puts of different names may overlap. Of several puts of one name at most one succeeds; what is stored is one of them, whole.
 *  - A chunk given to `put` is its giver's again when the next one is asked for. Those that `get` yields are their
 *    receiver's, who may give them away.
 *  - After abort nothing is changed any more and what a put had written is removed.
 * Failures: `STORE_ABSENT` (the place is gone), `STORE_UNREADABLE`, `STORE_FULL`, `STORE_FAILED`.
 */
export interface ObjectStore extends AsyncDisposable {
  put(name: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ObjectStat>;
  get(name: string, options: GetOptions): AsyncIterable<Uint8Array>;
  stat(name: string, signal: AbortSignal): Promise<ObjectStat | undefined>;
  list(signal: AbortSignal): AsyncIterable<ObjectStat>;
  remove(name: string, signal: AbortSignal): Promise<void>;
  /** Names of which an interrupted `put` left something, each once; those of puts that still go on are among them. */
  unfinished(signal: AbortSignal): AsyncIterable<string>;
  /** Removes what an interrupted `put` of that name left; an object of that name stays. Idempotent. */
  discardUnfinished(name: string, signal: AbortSignal): Promise<void>;
  /**
   * Tells the file system or account that it lies on (or, while it does not exist, would lie on) from others; null where that
   * cannot be told. Another one may stand at the same path.
   */
  locatedOn(signal: AbortSignal): Promise<string | null>;
  /** Free and total bytes; null where the place cannot tell. */
  space(signal: AbortSignal): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | null>;
}

export interface GetOptions {
  readonly offset?: number;
  readonly sizeBytes?: number;
  readonly signal: AbortSignal;
}

export interface ObjectStat {
  readonly name: string;
  readonly sizeBytes: number;
}

/** One path segment of letters, digits, `.`, `_`, `-`, `+`, `~`, `@`; not starting with a dot; at most 200 characters. */
export const objectNamePattern = /^[A-Za-z0-9_+~@-][A-Za-z0-9._+~@-]{0,199}$/;

/** Throws `NAME_INVALID` unless the name is one that every store can carry. Call it before anything is touched. */
export function checkObjectName(name: string): void {
  if (objectNamePattern.test(name)) return;
  throw new HoldfastError('NAME_INVALID', `Cannot use ${JSON.stringify(name.slice(0, 250))} as the name of an object`, {
    hint: 'Use at most 200 letters, digits and . _ - + ~ @, not starting with a dot',
  });
}
