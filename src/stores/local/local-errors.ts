import { formatBytes } from '../../domain/byte-size.ts';
import { HoldfastError } from '../../domain/errors.ts';
import type { ErrorCode, Retry } from '../../domain/errors.ts';
import { isSystemError } from '../../platform/system-error.ts';
import type { SystemError } from '../../platform/system-error.ts';

/** What was being done: `Cannot store "x" in "/backups"`. */
export interface Attempt {
  readonly verb: 'read' | 'look for' | 'list' | 'store' | 'remove';
  readonly name?: string;
  readonly directory: string;
}

interface Meaning {
  readonly reading: ErrorCode;
  readonly writing: ErrorCode;
  readonly problem: string;
  readonly hint: string;
  readonly retry?: Retry;
}

const gone: Meaning = {
  reading: 'STORE_ABSENT',
  writing: 'STORE_ABSENT',
  problem: 'the directory or the drive that holds it is not there',
  hint: 'Mount or connect what holds the directory, then run the command again',
  retry: { kind: 'later' },
};

const full: Meaning = {
  reading: 'STORE_FAILED',
  writing: 'STORE_FULL',
  problem: 'no space is left',
  hint: 'Free or add space, or keep fewer snapshots, then run the command again',
};

const refused: Meaning = {
  reading: 'STORE_UNREADABLE',
  writing: 'STORE_FAILED',
  problem: 'permission denied',
  hint: 'Give the user that runs Holdfast the right to read and write the directory and the files in it (ls -la shows who has it)',
};

const tooManyFiles: Meaning = {
  reading: 'STORE_FAILED',
  writing: 'STORE_FAILED',
  problem: 'too many files are open',
  hint: 'Run the command again later, or raise the limit on open files (ulimit -n)',
  retry: { kind: 'later' },
};

const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: gone,
  ENOTDIR: {
    ...gone,
    problem: 'it is not a directory',
    hint: 'Correct the path of the store in the configuration: it names a file, or leads through one',
  },
  ENODEV: gone,
  ENXIO: gone,
  ESTALE: gone,
  ENOTCONN: gone,
  EHOSTDOWN: gone,
  EHOSTUNREACH: gone,
  ETIMEDOUT: gone,
  ENOSPC: full,
  EDQUOT: { ...full, problem: 'the disk quota is used up' },
  EFBIG: {
    ...full,
    problem: 'the file is larger than its file system or the limit on file sizes allows',
    hint: 'Use a file system without that limit (FAT32 ends at 4 GiB), or raise the limit (ulimit -f)',
  },
  EACCES: refused,
  EPERM: refused,
  EROFS: {
    reading: 'STORE_UNREADABLE',
    writing: 'STORE_FAILED',
    problem: 'the file system is mounted read-only',
    hint: 'Look in dmesg for errors of the drive, then mount it writable',
  },
  EIO: {
    reading: 'STORE_UNREADABLE',
    writing: 'STORE_FAILED',
    problem: 'the drive reports an input/output error',
    hint: "Look in dmesg and the drive's SMART data (smartctl -a); the drive may be failing",
  },
  ELOOP: {
    reading: 'STORE_UNREADABLE',
    writing: 'STORE_FAILED',
    problem: 'it is a symbolic link, which Holdfast does not follow',
    hint: 'Put the file itself in the place of the link',
  },
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
};

/** The error that callers see for a failed system call; any other error is passed on as it is. */
export function translated(error: unknown, attempt: Attempt): unknown {
  if (!isSystemError(error)) return error;
  const meaning = meanings[error.code];
  const problem = meaning?.problem ?? `the system answered ${error.code}`;
  return new HoldfastError(codeOf(meaning, attempt), `${described(attempt)}: ${problem}`, {
    hint: meaning?.hint ?? 'Look up the system error in the details, repair its cause, then run the command again',
    cause: error,
    details: { errno: error.code, directory: attempt.directory, ...(attempt.name === undefined ? {} : { name: attempt.name }) },
    ...(meaning?.retry === undefined ? {} : { retry: meaning.retry }),
  });
}

function codeOf(meaning: Meaning | undefined, attempt: Attempt): ErrorCode {
  const writes = attempt.verb === 'store' || attempt.verb === 'remove';
  if (meaning === undefined) return writes ? 'STORE_FAILED' : 'STORE_UNREADABLE';
  return writes ? meaning.writing : meaning.reading;
}

function described({ verb, name, directory }: Attempt): string {
  return name === undefined ? `Cannot ${verb} "${directory}"` : `Cannot ${verb} "${name}" in "${directory}"`;
}

/** True when the place has no room for what was written. */
export function meansFull(error: unknown): error is SystemError {
  return isSystemError(error) && meanings[error.code]?.writing === 'STORE_FULL';
}

/** Says how much room there was and how much was needed. */
export function storeFull(
  error: SystemError,
  attempt: Attempt,
  sizes: { readonly freeBytes: number | null; readonly writtenBytes: number },
): HoldfastError {
  const { freeBytes, writtenBytes } = sizes;
  const meaning = meanings[error.code] ?? full;
  const free = freeBytes === null ? '' : `, ${formatBytes(freeBytes)} free`;
  return new HoldfastError(
    'STORE_FULL',
    `${described(attempt)}: ${meaning.problem}${free}, more than ${formatBytes(writtenBytes)} needed`,
    {
      hint: meaning.hint,
      cause: error,
      details: { errno: error.code, directory: attempt.directory, freeBytes, writtenBytes },
    },
  );
}

export function nameTaken(attempt: Attempt, cause?: unknown): HoldfastError {
  return new HoldfastError('NAME_TAKEN', `${described(attempt)}: it exists already`, {
    hint: 'Run the command again: a new run gets a new name; if it happens again, move that file out of the way',
    ...(cause === undefined ? {} : { cause }),
  });
}

export function notRegular(attempt: Attempt): HoldfastError {
  return new HoldfastError('STORE_UNREADABLE', `${described(attempt)}: it is not a regular file`, {
    hint: 'Move it out of the store: only regular files are objects, links and directories are not followed',
  });
}

export function objectMissing(attempt: Attempt, cause: unknown): HoldfastError {
  return new HoldfastError('OBJECT_MISSING', `${described(attempt)}: it is not there`, {
    hint: 'List what the store holds with holdfast list; if a snapshot lost a file, restore another one and run holdfast verify --all',
    cause,
  });
}

export function directoryReplaced(attempt: Attempt): HoldfastError {
  return new HoldfastError(
    'STORE_ABSENT',
    `${described(attempt)}: the directory is no longer the one it was; it was unmounted or replaced`,
    {
      hint: gone.hint,
      retry: { kind: 'later' },
    },
  );
}

export function partialRemoved(attempt: Attempt, cause: unknown): HoldfastError {
  return new HoldfastError('STORE_FAILED', `${described(attempt)}: somebody removed the file while it was being written`, {
    hint: 'Find out what removes files from the directory, then run the command again',
    cause,
  });
}
