import { type BigIntStats, realpathSync, statSync } from 'node:fs';
import { HoldfastError } from '../../domain/errors.ts';
import { isSystemError } from '../../platform/system-error.ts';

/**
 * What Holdfast itself writes: its data directory and the stores of the plan. Known by device and inode, since a bind mount
 * or a link may lead to them under another name.
 */
export class OwnDirectories {
  readonly #paths: readonly string[];
  readonly #identities: ReadonlySet<string>;

  /** Those that do not exist yet have nothing to leave out. */
  constructor(directories: readonly string[]) {
    const found = directories.flatMap(identified);
    this.#paths = found.map(({ path }) => path);
    this.#identities = new Set(found.map(({ identity }) => identity));
  }

  has(stats: Pick<BigIntStats, 'dev' | 'ino'>): boolean {
    return this.#identities.has(identityOf(stats));
  }

  /** Throws `CONFIG_INVALID` for a path that is one of them or lies in one: a plan that asks for it cannot be meant. */
  refuse(path: string): void {
    const real = realpathSync(path);
    const own = this.#paths.find((directory) => real === directory || real.startsWith(`${directory}/`));
    if (own === undefined) return;
    throw new HoldfastError('CONFIG_INVALID', `Cannot back up "${path}": Holdfast itself writes to "${own}"`, {
      hint: 'Take that path out of "paths"; a second store in the plan keeps copies of its snapshots',
    });
  }
}

interface Identified {
  readonly path: string;
  readonly identity: string;
}

function identified(directory: string): Identified[] {
  try {
    return [{ path: realpathSync(directory), identity: identityOf(statSync(directory, { bigint: true })) }];
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

function identityOf({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`;
}
