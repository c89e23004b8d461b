import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { targetError } from './target-errors.ts';

/** Where the content of a place is: a live root that is a symlink stays one, and what it points to is replaced. */
export function livePath(place: string): string {
  const path = resolve(place);
  try {
    return existsSync(path) ? realpathSync(path) : path;
  } catch (error) {
    throw targetError(error, `restore to "${path}"`);
  }
}
