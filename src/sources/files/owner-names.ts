import { readFileSync } from 'node:fs';
import { isSystemError } from '../../platform/system-error.ts';

/** Names of users and groups by number, from the machine's own files; empty for numbers that have no name there. */
export class OwnerNames {
  readonly #users = namesById('/etc/passwd');
  readonly #groups = namesById('/etc/group');

  user(uid: number): string {
    return this.#users.get(uid) ?? '';
  }

  group(gid: number): string {
    return this.#groups.get(gid) ?? '';
  }
}

/** Lines of `name:password:id:…`; the first name of a number counts, as for getpwuid(3). */
function namesById(file: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of readIfPresent(file).split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (/^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

function readIfPresent(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isSystemError(error)) return '';
    throw error;
  }
}
