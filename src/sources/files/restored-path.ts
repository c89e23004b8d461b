import { HoldfastError } from '../../domain/errors.ts';
import { printablePath } from './printable-path.ts';

/** The path of an archive's entry as a latin1 string, one character for each byte. Throws `ARCHIVE_CORRUPT` when it could lead out. */
export function restoredPath(path: Uint8Array): string {
  const text = Buffer.from(path.buffer, path.byteOffset, path.length).toString('latin1');
  const unsafe = text.includes('\0') || text.split('/').some((name) => name === '' || name === '.' || name === '..');
  if (unsafe) throw corruptEntry(text, 'its path leads out of the tree');
  return text;
}

/** An entry that no archive of Holdfast holds. */
export function corruptEntry(path: string, reason: string): HoldfastError {
  return new HoldfastError('ARCHIVE_CORRUPT', `Cannot restore "${shown(path)}": ${reason}`, {
    hint: 'The archive was damaged or altered: run holdfast verify, and restore another snapshot (holdfast list)',
    details: { path: shown(path) },
  });
}

/** A latin1 path for people. */
export function shown(path: string): string {
  return printablePath(Buffer.from(path, 'latin1'));
}
