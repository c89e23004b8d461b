import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { say } from '../say.ts';
import { writeMixed, writePhotos } from './trees.ts';

export type TreeName = 'mixed' | 'photos' | 'mixed-times-10';

/** The tree's path in the directory; made when it is first asked for, and kept for the next time. */
export function benchTree(directory: string, name: TreeName): string {
  const path = join(directory, name);
  if (existsSync(path)) return path;
  say(`Making the tree "${name}" in ${path} ...`);
  const partial = `${path}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  writers[name](partial, directory);
  renameSync(partial, path);
  return path;
}

const writers: Readonly<Record<TreeName, (path: string, directory: string) => void>> = {
  photos: (path) => writePhotos(path, 1_500_000_000),
  mixed: (path) => writeMixed(path, { files: 30_000, bytes: 1_000_000_000 }),
  'mixed-times-10': (path, directory) => {
    const once = benchTree(directory, 'mixed');
    for (let copy = 0; copy < 10; copy++) cpSync(once, join(path, `copy${copy}`), { recursive: true, preserveTimestamps: true });
  },
};
