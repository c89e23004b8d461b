import { HoldfastError, isHoldfastError, throwIfAborted } from '../domain/errors.ts';

/** Something restored beside its live place and found equal to the manifest; nothing live has changed yet. */
export interface Prepared<T> {
  /** For people: `database "app" on db:5432`. */
  readonly what: string;
  /** Nothing else can be put into place after it. */
  readonly comesLast?: boolean;
  /** Puts it into its live place, or throws and leaves that as it was. */
  promote(signal: AbortSignal): Promise<Promoted<T>>;
}

export interface Promoted<T> {
  readonly result: T;
  /** Where what stood there is now, in words; null when nothing did. */
  readonly kept: string | null;
  /** Throws when it cannot be put back; then nothing was removed. */
  readonly undo: () => void | Promise<void>;
  /** Shell commands that do the same by hand. */
  readonly undoCommands: readonly string[];
}

/**
 * Puts everything into its live place, one after the other, and last what must come last. When one fails, those before it are put back, last first, and what
 * it failed with is thrown. Throws `RESTORE_HALF_DONE`, telling what is where, when some could not be put back.
 */
export async function promoteAll<T>(prepared: readonly Prepared<T>[], signal: AbortSignal): Promise<T[]> {
  const done: Done<T>[] = [];
  const ordered = prepared.toSorted((one, other) => Number(one.comesLast === true) - Number(other.comesLast === true));
  for (const part of ordered) {
    try {
      throwIfAborted(signal);
      done.push({ what: part.what, promoted: await part.promote(signal) });
    } catch (error) {
      throw await undoAll({ done, failed: part.what, untouched: ordered.slice(done.length + 1).map(({ what }) => what), error });
    }
  }
  return done.map(({ promoted }) => promoted.result);
}

interface Done<T> {
  readonly what: string;
  readonly promoted: Promoted<T>;
}

interface Failure<T> {
  readonly done: readonly Done<T>[];
  /** What failed, and with what. */
  readonly failed: string;
  readonly error: unknown;
  readonly untouched: readonly string[];
}

/** Returns what to throw. */
async function undoAll<T>(failure: Failure<T>): Promise<unknown> {
  const stuck: (Done<T> & { readonly reason: unknown })[] = [];
  for (const part of failure.done.toReversed()) {
    try {
      await part.promoted.undo();
    } catch (reason) {
      stuck.push({ ...part, reason });
    }
  }
  const isFailedAsBefore = !isHoldfastError(failure.error, 'RESTORE_HALF_DONE');
  if (stuck.length === 0) return isFailedAsBefore ? allAsBefore(failure) : unclear(failure);
  const asBefore = failure.done.filter((part) => stuck.every(({ what }) => what !== part.what)).map(({ what }) => what);
  return halfDone({ ...failure, asBefore: [...asBefore, ...(isFailedAsBefore ? [failure.failed] : []), ...failure.untouched], stuck });
}

function allAsBefore<T>({ done, error }: Failure<T>): unknown {
  if (done.length === 0 || !isHoldfastError(error)) return error;
  return new HoldfastError(
    error.code,
    `${error.message}; what was in place by then was put back: ${done.map(({ what }) => what).join(', ')}`,
    {
      hint: error.hint,
      cause: error,
      details: error.details,
    },
  );
}

/** Only of the part that failed it cannot be told where it is; it says so itself. */
function unclear<T>({ done, failed, untouched, error }: Failure<T>): unknown {
  const asBefore = [...done.map(({ what }) => what), ...untouched];
  if (asBefore.length === 0 || !isHoldfastError(error)) return error;
  return new HoldfastError(error.code, `${error.message}; that is ${failed}, all else is as it was: ${asBefore.join(', ')}`, {
    hint: error.hint,
    cause: error,
    details: { ...error.details, asBefore },
  });
}

interface HalfDone<T> extends Failure<T> {
  readonly asBefore: readonly string[];
  readonly stuck: readonly (Done<T> & { readonly reason: unknown })[];
}

function halfDone<T>({ failed, error, asBefore, stuck }: HalfDone<T>): HoldfastError {
  const restored = stuck.map(({ what, promoted: { kept, undoCommands } }) => ({ what, kept, undoCommands }));
  const reasons = [error, ...stuck.map(({ reason }) => reason)].map((reason) =>
    reason instanceof Error ? reason.message : String(reason),
  );
  const inPlace = restored.map(({ what, kept }) => (kept === null ? what : `${what} (what stood there is now ${kept})`)).join(', ');
  const rest = asBefore.length === 0 ? '' : `; as before: ${asBefore.join(', ')}`;
  return new HoldfastError(
    'RESTORE_HALF_DONE',
    `Cannot restore ${failed}, nor put everything back: ${reasons.join('; ')}; restored: ${inPlace}${rest}`,
    {
      hint: `Stop the application, then go back to what was before: ${restored.flatMap(({ undoCommands }) => undoCommands).join('; ')}`,
      cause: error,
      details: { failed, restored, asBefore },
    },
  );
}
