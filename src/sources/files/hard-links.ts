import type { BigIntStats } from 'node:fs';

interface LinkedFile {
  readonly archivePath: Uint8Array;
  /** Names that have not been met yet. */
  left: number;
}

/** Remembers files with several names, only until the last of them was met. */
export class HardLinks {
  readonly #files = new Map<string, LinkedFile>();

  /** Archive path of the entry that carries the content, when another name of this file was met before. */
  carrierOf(stats: BigIntStats): Uint8Array | undefined {
    if (stats.nlink < 2n) return undefined;
    const key = keyOf(stats);
    const file = this.#files.get(key);
    if (file === undefined) return undefined;
    file.left -= 1;
    if (file.left <= 0) this.#files.delete(key);
    return file.archivePath;
  }

  remember(stats: BigIntStats, archivePath: Uint8Array): void {
    if (stats.nlink > 1n) this.#files.set(keyOf(stats), { archivePath, left: Number(stats.nlink) - 1 });
  }
}

/**
 * A file system gives the inode of a file that was removed to the next one made, so the number alone names no file: the
 * time it was born goes with it. Where that is not kept, the last change stands in, which any write and any new or
 * removed name moves: the content is then read once more.
 */
function keyOf({ dev, ino, birthtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs === 0n ? ctimeNs : birthtimeNs}`;
}
