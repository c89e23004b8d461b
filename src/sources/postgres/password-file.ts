import { readFile, stat } from 'node:fs/promises';
import { Secret } from '../../domain/secret.ts';
import type { ServerAddress } from './server-address.ts';

/**
 * The password that libpq would take from its password file; null when there is none. As in libpq, a file that others
 * may read is not used.
 * @see https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export async function findPassword(address: ServerAddress, database: string): Promise<Secret | null> {
  const text = await readPrivateFile(address.passwordFile);
  if (text === null) return null;
  const host = address.host.startsWith('/') ? ['localhost', address.host] : [address.host];
  const wanted = [host, [String(address.port)], [database], [address.user]];
  for (const line of text.split(/\r?\n/)) {
    const fields = splitLine(line);
    const password = fields[4];
    if (line.startsWith('#') || password === undefined) continue;
    if (wanted.every((values, index) => fields[index] === '*' || values.includes(unescape(fields[index] ?? '')))) {
      return new Secret(unescape(password), `file:${address.passwordFile}`);
    }
  }
  return null;
}

async function readPrivateFile(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    return (mode & 0o077) === 0 ? await readFile(path, 'utf8') : null;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** Five fields; a colon after a backslash separates nothing. */
function splitLine(line: string): string[] {
  return line.match(/(?:\\.|[^:\\])+|(?<=^|:)(?=:|$)/g) ?? [];
}

function unescape(field: string): string {
  return field.replace(/\\(.)/g, '$1');
}
