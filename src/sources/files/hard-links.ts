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

function keyOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
