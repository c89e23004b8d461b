import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, chown, lstat, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../../domain/errors.ts';
import { isSystemError } from '../../../platform/system-error.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { ServerUser } from './server-user.ts';

const prefix = 'holdfast-drill-';
/** A socket that this process listens on: it answers as long as the process lives, and never again. */
const lifeSign = 'alive.sock';
/** Room that the system leaves for a socket's path. @see unix(7), sun_path */
const maxSocketPathBytes = 103;

/** A private directory for a throw-away server, removed when it is disposed of, and by others when its owner has died. */
export interface ClaimedDirectory extends AsyncDisposable {
  readonly path: string;
  /** Has the server stopped and the directory removed as soon as this process is gone, in whatever way. */
  guard(serverPid: number): void;
}

export interface Claim {
  readonly parent: string;
  /** Who works in it. */
  readonly user: ServerUser;
  readonly clock: Clock;
}

/** Makes the directory for the user to work in, and first removes what dead drills left beside it. */
export async function claimDirectory({ parent, user, clock }: Claim): Promise<ClaimedDirectory> {
  await removeDebris({ parent, user, clock });
  const path = await mkdtemp(join(parent, prefix)).catch((cause: unknown) => {
    throw unusable(parent, String(cause), cause);
  });
  try {
    if (Buffer.byteLength(join(path, '.s.PGSQL.5432.lock')) > maxSocketPathBytes)
      throw unusable(parent, 'its path is too long for a socket');
    const life = await showLife(join(path, lifeSign));
    if (user.switches) await chown(path, user.uid, user.gid);
    return new Directory(path, life);
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}

class Directory implements ClaimedDirectory {
  readonly path: string;
  readonly #life: Server;
  #guard: ChildProcess | undefined;

  constructor(path: string, life: Server) {
    this.path = path;
    this.#life = life;
  }

  guard(serverPid: number): void {
    // The shell reads until this process's end of the pipe is closed, which a kill -9 does too.
    const script = `trap '' HUP INT TERM; cat; [ "$(head -n 1 "$0/data/postmaster.pid")" = "$1" ] && kill -QUIT "$1" && sleep 1; rm -rf -- "$0/data" && rm -rf -- "$0"`;
    const child = spawn('/bin/sh', ['-c', script, this.path, String(serverPid)], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // A machine without a shell loses the comfort only: the next drill removes the debris.
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    this.#guard = child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.path);
    this.#guard?.stdin?.destroy();
    this.#life.close();
  }
}

/** The life sign goes last: a removal that is cut short leaves a directory that is still known for debris. */
async function removeTree(path: string): Promise<void> {
  const names = await readdir(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  for (const name of names.filter((entry) => entry !== lifeSign))
    await rm(join(path, name), { recursive: true, force: true, maxRetries: 5 });
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}

async function showLife(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(path);
  await once(server, 'listening');
  server.unref();
  await chmod(path, 0o600);
  return server;
}

/** A directory younger than this may belong to a drill that has not shown its life sign yet. */
const graceMs = 60_000;

async function removeDebris({ parent, user, clock }: Claim): Promise<void> {
  const names = await readdir(parent).catch((cause: unknown) => {
    throw unusable(parent, String(cause), cause);
  });
  for (const name of names.filter((entry) => entry.startsWith(prefix))) {
    const path = join(parent, name);
    if (await isDebris(path, { user, now: clock.now() })) {
      await stopServer(path);
      await removeTree(path);
    }
  }
}

/** A directory of ours whose owner no longer answers. Other people's are left alone, whatever their name. */
async function isDebris(path: string, { user, now }: { readonly user: ServerUser; readonly now: Date }): Promise<boolean> {
  const stat = await lstat(path).catch(() => null);
  if (stat === null || !stat.isDirectory() || ![user.uid, process.getuid?.()].includes(stat.uid)) return false;
  const answer = await askForLife(join(path, lifeSign));
  if (answer === 'absent') return now.getTime() - stat.ctimeMs > graceMs && (await readdir(path)).length === 0;
  return answer === 'dead';
}

async function askForLife(path: string): Promise<'alive' | 'dead' | 'absent'> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return 'alive';
  } catch (error) {
    if (isSystemError(error, 'ECONNREFUSED')) return 'dead';
    return isSystemError(error, 'ENOENT', 'ENOTSOCK') ? 'absent' : 'alive';
  } finally {
    socket.destroy();
  }
}

/** Ends the server that runs on this directory. Its id may have been given to another process since: that one is left alone. */
async function stopServer(path: string): Promise<void> {
  const pidFile = await readFile(join(path, 'data', 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(pidFile, 10);
  if (!(pid > 1)) return;
  for (let attempt = 0; attempt < 100 && (await runsOn(pid, path)); attempt++) {
    if (attempt === 0) process.kill(pid, 'SIGQUIT');
    await sleep(50);
  }
}

async function runsOn(pid: number, path: string): Promise<boolean> {
  // A zombie has an empty command line.
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.includes(`\0${join(path, 'data')}\0`);
}

function unusable(parent: string, problem: string, cause?: unknown): HoldfastError {
  return new HoldfastError('TOOL_FAILED', `Cannot make a directory for a drill in "${parent}": ${problem}`, {
    hint: 'Set HOLDFAST_SCRATCH_DIR to a directory with a short path and room enough, for example /var/tmp',
    ...(cause === undefined ? {} : { cause }),
  });
}
