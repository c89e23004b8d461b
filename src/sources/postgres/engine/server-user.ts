import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { HoldfastError } from '../../../domain/errors.ts';

/** Whom a throw-away server runs as. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
  /** True when that is another user than this process's. */
  readonly switches: boolean;
}

/** PostgreSQL refuses to run as root; restored code had better not have this process's rights anyway. */
export async function findServerUser(): Promise<ServerUser> {
  const { uid, gid } = userInfo();
  if (uid !== 0) return { uid, gid, switches: false };
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , userId, groupId] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (userId !== undefined && groupId !== undefined) return { uid: Number(userId), gid: Number(groupId), switches: true };
  }
  throw new HoldfastError(
    'TOOL_MISSING',
    'Cannot run a throw-away PostgreSQL server: it may not run as root, and there is no user "postgres" or "nobody"',
    {
      hint: 'Make a user for it: useradd --system postgres',
    },
  );
}
