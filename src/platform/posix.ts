import { getSystemErrorName } from 'node:util';
import type { Extent } from '../domain/tree-entry.ts';
import { loadKoffi } from './native-calls.ts';

/** An open file by descriptor, or a path as raw bytes, whose last component is not followed when it is a symlink. */
export type FileReference = number | Uint8Array;

/**
 * What Node cannot ask of Linux, by calls into the C library. Failures are thrown as Node's own are: an Error with the
 * errno name as `code`. Times are nanoseconds since 1970.
 */
export interface Posix {
  /** Extended attributes with their raw values, ACLs among them; empty where the file system has none. */
  readXattrs(file: FileReference): ReadonlyMap<string, Uint8Array>;
  writeXattr(file: FileReference, name: string, value: Uint8Array): void;
  /** No error when there is none of that name. */
  removeXattr(file: FileReference, name: string): void;
  /** Sets the time of modification and leaves that of access. */
  setMtime(file: FileReference, mtimeNs: bigint): void;
  /**
   * Data extents of an open file, ascending; holes smaller than `leastHoleBytes` count as data. Undefined when the file
   * system cannot tell. Moves the file's position.
   */
  dataExtents(fd: number, options: { readonly sizeBytes: number; readonly leastHoleBytes: number }): readonly Extent[] | undefined;
  /** Has the kernel read so many bytes from the start in the background. */
  readAhead(fd: number, sizeBytes: number): void;
  /** Puts all that was written to the file system of this file or directory on stable storage. */
  syncFileSystem(fd: number): void;
  /** Locks the open file or directory until it is closed or this process dies, in whatever way. False when somebody has it. */
  tryLock(fd: number): boolean;
  /** Swaps two paths of one file system in one step. False where the system or the file system cannot. */
  exchange(one: Uint8Array, other: Uint8Array): boolean;
  /** Memory whose address is a multiple of `alignment`, which is a power of two. */
  alignedBuffer(sizeBytes: number, alignment: number): Buffer;
}

/** ABI of 64-bit Linux, the same for glibc and musl: other systems name, number or lay out some of this differently. */
const architectures: readonly string[] = ['x64', 'arm64', 'riscv64', 'loong64', 'ppc64', 's390x'];

const currentDirectory = -100; // AT_FDCWD
const noFollow = 0x100; // AT_SYMLINK_NOFOLLOW
const omitTime = 0x3ffffffen; // UTIME_OMIT
const seekData = 3;
const seekHole = 4;
const willNeed = 3; // POSIX_FADV_WILLNEED
const lockExclusively = 2 | 4; // LOCK_EX | LOCK_NB
const exchangeFlag = 2; // RENAME_EXCHANGE
/** Limits of the kernel on a list of names and on one value. @see xattr(7) */
const maxXattrBytes = 65_536;

let loading: Promise<Posix | undefined> | undefined;

/** Loads the calls once; undefined where they cannot be had: callers go on and say what is not carried. */
export function loadPosix(): Promise<Posix | undefined> {
  return (loading ??= load());
}

async function load(): Promise<Posix | undefined> {
  if (process.platform !== 'linux' || !architectures.includes(process.arch)) return undefined;
  try {
    const koffi = await loadKoffi();
    if (koffi === undefined) return undefined;
    const library = koffi.load(null);
    return new LinuxCalls(
      (definition) => library.func(definition),
      () => koffi.errno(),
      (memory) => koffi.address(memory),
    );
  } catch (error) {
    // A C library without one of the calls.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** A function of the C library; every one used here returns a number, negative for a failure. */
type Call = (...parameters: readonly unknown[]) => number;
type Declare = (definition: string) => Call;

class LinuxCalls implements Posix {
  readonly #errno: () => number;
  readonly #address: (memory: Uint8Array) => bigint;
  readonly #list: ForFile;
  readonly #get: ForFile;
  readonly #set: ForFile;
  readonly #remove: ForFile;
  readonly #utimensat: Call;
  readonly #futimens: Call;
  readonly #lseek: Call;
  readonly #advise: Call;
  readonly #syncfs: Call;
  readonly #flock: Call;
  readonly #renameat2: Call | undefined;
  readonly #buffer = Buffer.alloc(maxXattrBytes);
  readonly #times = new BigInt64Array([0n, omitTime, 0n, 0n]);

  constructor(declare: Declare, errno: () => number, address: (memory: Uint8Array) => bigint) {
    this.#errno = errno;
    this.#address = address;
    this.#list = forFile(declare, 'int64', 'listxattr', 'void *list, size_t size');
    this.#get = forFile(declare, 'int64', 'getxattr', 'const void *name, void *value, size_t size');
    this.#set = forFile(declare, 'int', 'setxattr', 'const void *name, const void *value, size_t size, int flags');
    this.#remove = forFile(declare, 'int', 'removexattr', 'const void *name');
    this.#utimensat = declare('int utimensat(int directory, const void *path, const void *times, int flags)');
    this.#futimens = declare('int futimens(int fd, const void *times)');
    this.#lseek = declare('int64 lseek(int fd, int64 offset, int whence)');
    this.#advise = declare('int posix_fadvise(int fd, int64 offset, int64 length, int advice)');
    this.#syncfs = declare('int syncfs(int fd)');
    this.#flock = declare('int flock(int fd, int operation)');
    this.#renameat2 = declaredIfPresent(declare, 'int renameat2(int from, const void *one, int to, const void *other, uint flags)');
  }

  readXattrs(file: FileReference): ReadonlyMap<string, Uint8Array> {
    // Without a buffer it tells how much there is, which mostly is nothing, in half the time.
    let listed = this.#list(file, null, 0);
    if (listed > 0) listed = this.#list(file, this.#buffer, maxXattrBytes);
    if (listed === 0) return noXattrs;
    if (listed < 0) {
      if (this.#errnoName() === 'ENOTSUP' || this.#errnoName() === 'EOPNOTSUPP') return noXattrs;
      throw this.#failure('listxattr');
    }
    const names = this.#buffer.toString('utf8', 0, listed - 1).split('\0');
    const found = new Map<string, Uint8Array>();
    for (const name of names) {
      const value = this.#readXattr(file, name);
      if (value !== undefined) found.set(name, value);
    }
    return found;
  }

  /** Undefined when it was removed after the names were listed. */
  #readXattr(file: FileReference, name: string): Uint8Array | undefined {
    const sizeBytes = this.#get(file, cString(name), this.#buffer, maxXattrBytes);
    if (sizeBytes >= 0) return Buffer.from(this.#buffer.subarray(0, sizeBytes));
    if (this.#errnoName() === 'ENODATA') return undefined;
    throw this.#failure('getxattr');
  }

  writeXattr(file: FileReference, name: string, value: Uint8Array): void {
    this.#check(this.#set(file, cString(name), value, value.length, 0), 'setxattr');
  }

  removeXattr(file: FileReference, name: string): void {
    const result = this.#remove(file, cString(name));
    if (result < 0 && ['ENODATA', 'ENOTSUP', 'EOPNOTSUPP'].includes(this.#errnoName())) return;
    this.#check(result, 'removexattr');
  }

  setMtime(file: FileReference, mtimeNs: bigint): void {
    const fraction = ((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    this.#times[2] = (mtimeNs - fraction) / 1_000_000_000n;
    this.#times[3] = fraction;
    const result =
      typeof file === 'number'
        ? this.#futimens(file, this.#times)
        : this.#utimensat(currentDirectory, cString(file), this.#times, noFollow);
    this.#check(result, 'utimensat');
  }

  dataExtents(
    fd: number,
    { sizeBytes, leastHoleBytes }: { readonly sizeBytes: number; readonly leastHoleBytes: number },
  ): readonly Extent[] | undefined {
    const extents: { offset: number; sizeBytes: number }[] = [];
    let position = 0;
    while (position < sizeBytes) {
      const data = this.#lseek(fd, position, seekData);
      if (data < 0 && this.#errnoName() === 'ENXIO') return extents;
      const hole = data < 0 ? data : this.#lseek(fd, data, seekHole);
      if (hole < 0) return undefined;
      const end = Math.min(hole, sizeBytes);
      const last = extents.at(-1);
      if (last !== undefined && data - (last.offset + last.sizeBytes) < leastHoleBytes) last.sizeBytes = end - last.offset;
      else if (data < end) extents.push({ offset: data, sizeBytes: end - data });
      position = hole;
    }
    return extents;
  }

  readAhead(fd: number, sizeBytes: number): void {
    // Only advice: what it fails at is read without it.
    this.#advise(fd, 0, sizeBytes, willNeed);
  }

  syncFileSystem(fd: number): void {
    this.#check(this.#syncfs(fd), 'syncfs');
  }

  tryLock(fd: number): boolean {
    const result = this.#flock(fd, lockExclusively);
    if (result < 0 && this.#errnoName() === 'EAGAIN') return false;
    this.#check(result, 'flock');
    return true;
  }

  exchange(one: Uint8Array, other: Uint8Array): boolean {
    if (this.#renameat2 === undefined) return false;
    const result = this.#renameat2(currentDirectory, cString(one), currentDirectory, cString(other), exchangeFlag);
    if (result < 0 && ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(this.#errnoName())) return false;
    this.#check(result, 'renameat2');
    return true;
  }

  alignedBuffer(sizeBytes: number, alignment: number): Buffer {
    const memory = Buffer.allocUnsafeSlow(sizeBytes + alignment);
    const start = Number(-this.#address(memory) & BigInt(alignment - 1));
    return memory.subarray(start, start + sizeBytes);
  }

  #check(result: number, call: string): void {
    if (result < 0) throw this.#failure(call);
  }

  #errnoName(): string {
    return getSystemErrorName(-this.#errno());
  }

  #failure(call: string): Error {
    const errno = -this.#errno();
    const code = getSystemErrorName(errno);
    return Object.assign(new Error(`${code}: ${call}`), { code, errno, syscall: call });
  }
}

const noXattrs: ReadonlyMap<string, Uint8Array> = new Map();

type ForFile = (file: FileReference, ...rest: readonly unknown[]) => number;

/** The call for descriptors (`fgetxattr`) and the one for paths that does not follow symlinks (`lgetxattr`) as one. */
function forFile(declare: Declare, result: string, name: string, parameters: string): ForFile {
  const byDescriptor = declare(`${result} f${name}(int fd, ${parameters})`);
  const byPath = declare(`${result} l${name}(const void *path, ${parameters})`);
  return (file, ...rest): number => (typeof file === 'number' ? byDescriptor(file, ...rest) : byPath(cString(file), ...rest));
}

function declaredIfPresent(declare: Declare, definition: string): Call | undefined {
  try {
    return declare(definition);
  } catch (error) {
    // musl before 1.2.6 does not have it.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** With the zero byte that ends a string in C. A zero byte within is refused: the call would see a shorter name. */
function cString(text: string | Uint8Array): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  if (bytes.includes(0)) throw Object.assign(new Error('EINVAL: a name holds a zero byte'), { code: 'EINVAL' });
  const terminated = Buffer.allocUnsafe(bytes.length + 1);
  terminated.set(bytes);
  terminated[bytes.length] = 0;
  return terminated;
}
