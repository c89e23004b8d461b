import { accessSync, constants, lstatSync, opendirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { HoldfastError } from '../../domain/errors.ts';
import type { TreeRoot } from '../../domain/manifest.ts';
import { isSystemError } from '../../platform/system-error.ts';
import type { FilesConfig } from './files-config.ts';

/** Finds the configured paths and gives each its place in the archive. Throws `SOURCE_MISSING`, `SOURCE_UNREADABLE`, `SOURCE_EMPTY`. */
export function findRoots(config: Pick<FilesConfig, 'paths' | 'allowEmpty'>, name: string): readonly TreeRoot[] {
  const found = config.paths.map((path) => ({ path: resolve(path), kind: kindOf(resolve(path), config.allowEmpty) }));
  const folder = pathSegment(name);
  const [only] = found;
  if (found.length === 1 && only?.kind === 'directory')
    return [{ archivePath: folder, originalPath: realPath(only.path), kind: 'directory' }];
  const taken = new Set<string>();
  return found.map(({ path, kind }) => ({
    archivePath: `${folder}/${unique(pathSegment(basename(path)), taken)}`,
    originalPath: realPath(path),
    kind,
  }));
}

function kindOf(path: string, allowEmpty: boolean): 'directory' | 'file' {
  try {
    const stats = statSync(path);
    requireReadable(path, stats);
    if (stats.isFile()) return 'file';
    if (!allowEmpty && isEmpty(path)) throw emptyRoot(path);
    return 'directory';
  } catch (error) {
    throw isSystemError(error) ? rootFailure(path, error) : error;
  }
}

function requireReadable(path: string, stats: Stats): void {
  if (!stats.isFile() && !stats.isDirectory())
    throw new HoldfastError('SOURCE_UNREADABLE', `Cannot back up "${path}": it is neither a directory nor a file`, {
      hint: 'Name the directory that it lies in, or remove it from "paths"',
    });
  accessSync(path, stats.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK);
}

function isEmpty(path: string): boolean {
  const directory = opendirSync(path);
  try {
    return directory.readSync() === null;
  } finally {
    directory.closeSync();
  }
}

/** A root that is a symlink stands for what it points to, so that a restore in place leaves the link alone. */
function realPath(path: string): string {
  return lstatSync(path).isSymbolicLink() ? realpathSync(path) : path;
}

/** What a configured path's failure means. */
export function rootFailure(path: string, cause: Error): HoldfastError {
  if (isSystemError(cause, 'ENOENT', 'ENOTDIR'))
    return new HoldfastError('SOURCE_MISSING', `Cannot back up "${path}": there is nothing of that name`, {
      hint: 'Mount its drive or correct "paths"; remove the path from the plan when it is gone for good',
      cause,
    });
  const reason = isSystemError(cause, 'EACCES', 'EPERM') ? 'this user may not read it' : cause.message;
  return new HoldfastError('SOURCE_UNREADABLE', `Cannot back up "${path}": ${reason}`, {
    hint: 'Run Holdfast as a user who may read it, or check the drive that it lies on',
    cause,
  });
}

/** Refused because it looks like a drive that is not mounted. */
export function emptyRoot(path: string): HoldfastError {
  return new HoldfastError('SOURCE_EMPTY', `Cannot back up "${path}": there is nothing in it to back up`, {
    hint: 'Mount its drive or correct "exclude" and "include"; set allowEmpty: true when nothing is what should be there',
  });
}

/** A name as one name of a path. */
function pathSegment(name: string): string {
  const safe = name.replaceAll(/[/\0]/g, '_');
  return safe === '' ? 'root' : /^\.{1,2}$/.test(safe) ? safe.replaceAll('.', '_') : safe;
}

/** `data`, `data-2`, `data-3`: in the order of the configuration. */
function unique(name: string, taken: Set<string>): string {
  let candidate = name;
  for (let count = 2; taken.has(candidate); count++) candidate = `${name}-${count}`;
  taken.add(candidate);
  return candidate;
}
