import { lstatSync, readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LeftBehind } from '../../ports/tree-target.ts';
import { isSystemError } from '../../platform/system-error.ts';
import { latin1, latin1Bytes } from './latin1.ts';
import { livePath } from './live-path.ts';
import { printablePath } from './printable-path.ts';

const pathsTold = 5;

/** What the tree `kept` has and the tree in its place has not; a directory that is missing as a whole counts as one path. */
export async function leftBehind(kept: string, place: string): Promise<LeftBehind> {
  const paths: string[] = [];
  let count = 0;
  const [oldRoot, newRoot] = [latin1(Buffer.from(kept)), latin1(Buffer.from(livePath(place)))];
  const waiting = isDirectory(oldRoot) && isDirectory(newRoot) ? [''] : [];
  for (let below = waiting.pop(); below !== undefined; below = waiting.pop()) {
    const present = new Set(namesIn(newRoot + below, 'none'));
    for (const name of namesIn(oldRoot + below, 'fail').toSorted()) {
      const path = `${below}/${name}`;
      if (!present.has(name)) {
        count += 1;
        if (paths.length < pathsTold) paths.push(printablePath(latin1Bytes(path.slice(1))));
      } else if (isDirectory(oldRoot + path) && isDirectory(newRoot + path)) waiting.push(path);
    }
    await nextTurn();
  }
  return { count, paths };
}

/** An application that found its place again may have removed a directory there by now. */
function namesIn(directory: string, absent: 'none' | 'fail'): string[] {
  try {
    return readdirSync(latin1Bytes(directory), { encoding: 'latin1' });
  } catch (error) {
    if (absent === 'none' && isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function isDirectory(path: string): boolean {
  return lstatSync(latin1Bytes(path), { throwIfNoEntry: false })?.isDirectory() === true;
}
