import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelled, HoldfastError, throwIfAborted } from '../../../domain/errors.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { ClientInstallation } from '../clients.ts';
import { resolveAddress, type ServerAddress } from '../server-address.ts';
import { claimDirectory, type ClaimedDirectory } from './drill-directory.ts';
import { findServerUser, type ServerUser } from './server-user.ts';

/** A PostgreSQL server for one drill: reachable through a socket in a private directory only, gone with its directory. */
export interface ThrowawayCluster extends AsyncDisposable {
  readonly address: ServerAddress;
  readonly directory: string;
  /** Makes a directory that the server may use as a tablespace. */
  makeTablespace(name: string): Promise<string>;
}

export interface ThrowawayOptions {
  readonly installation: ClientInstallation;
  /** Where its directory is made. */
  readonly parent: string;
  /** How many tables one transaction will make at the most: each is locked with its indexes until its end. */
  readonly tables: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Named so because dumps grant to it and give it things: the role that most servers' first superuser has. */
const superuser = 'postgres';
const port = 5432;

const connections = 20;
/** The table, its TOAST table with index, and a few indexes and sequences of its own. */
const locksPerTable = 12;

/** The data is worthless after the drill, so nothing is done to make it last. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  port: String(port),
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  archive_mode: 'off',
  autovacuum: 'off',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
  shared_buffers: '128MB',
  max_connections: String(connections),
  logging_collector: 'off',
  log_min_messages: 'error',
  restart_after_crash: 'off',
};

/** Where drills take place unless `HOLDFAST_SCRATCH_DIR` or `TMPDIR` says otherwise: `/tmp` is often memory. */
export function scratchParent(environment: Readonly<Record<string, string | undefined>>): string {
  return resolve(environment['HOLDFAST_SCRATCH_DIR'] ?? environment['TMPDIR'] ?? '/var/tmp');
}

export async function startThrowawayCluster({ installation, parent, tables, clock, signal }: ThrowawayOptions): Promise<ThrowawayCluster> {
  throwIfAborted(signal);
  const user = await findServerUser();
  const home = await claimDirectory({ parent, user, clock });
  const cluster = new Cluster({ installation, home, user, tables });
  try {
    await cluster.initialise(signal);
    await cluster.start(signal);
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw signal.aborted ? cancelled(signal) : error;
  }
}

interface ClusterParts {
  readonly installation: ClientInstallation;
  readonly home: ClaimedDirectory;
  readonly user: ServerUser;
  readonly tables: number;
}

class Cluster implements ThrowawayCluster {
  readonly address: ServerAddress;
  readonly directory: string;
  readonly #parts: ClusterParts;
  readonly #dataDirectory: string;
  #server: ChildProcess | undefined;
  #tablespaces = 0;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.directory = parts.home.path;
    this.#dataDirectory = join(this.directory, 'data');
    const nothing = join(this.directory, 'no-password-file');
    this.address = resolveAddress(
      { host: this.directory, port, user: superuser, database: 'postgres', passfile: nothing, sslmode: 'disable' },
      { HOME: this.directory },
    );
  }

  async initialise(signal: AbortSignal): Promise<void> {
    const args = ['-D', this.#dataDirectory, '-U', superuser, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    const initdb = spawn(this.#program('initdb'), args, { ...this.#spawnOptions(), detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    // With its group: initdb runs the server to fill the catalogs.
    const stop = () => {
      if (initdb.pid !== undefined && initdb.exitCode === null) process.kill(-initdb.pid, 'SIGKILL');
    };
    signal.addEventListener('abort', stop, { once: true });
    let errors = '';
    initdb.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
    try {
      await once(initdb, 'close');
    } catch (error) {
      throw this.#failed('make', String(error), error);
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (initdb.exitCode !== 0) throw this.#failed('make', errors.trim());
  }

  async start(signal: AbortSignal): Promise<void> {
    const locks = Math.max(64, Math.ceil((this.#parts.tables * locksPerTable) / connections));
    const all = { ...settings, max_locks_per_transaction: String(locks), unix_socket_directories: this.directory };
    const args = ['-D', this.#dataDirectory, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    await using log = await open(join(this.directory, 'log'), 'w');
    const server = spawn(this.#program('postgres'), args, { ...this.#spawnOptions(), detached: true, stdio: ['ignore', log.fd, log.fd] });
    await once(server, 'spawn').catch((error: unknown) => {
      throw this.#failed('start', String(error), error);
    });
    this.#server = server;
    this.#parts.home.guard(server.pid ?? 0);
    await this.#untilReady(server, signal);
  }

  async makeTablespace(name: string): Promise<string> {
    const { uid, gid } = this.#parts.user;
    const path = join(this.directory, `tablespace-${++this.#tablespaces}`);
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      throw this.#failed(`make the tablespace "${name}" of`, String(error), error);
    });
    await chown(path, uid, gid);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      const exit = once(server, 'exit');
      // Immediate: there is nothing to write out.
      server.kill('SIGQUIT');
      await exit;
    }
    await this.#parts.home[Symbol.asyncDispose]();
  }

  #program(name: string): string {
    return join(this.#parts.installation.directory, name);
  }

  /** Nothing of this process's environment reaches the server: restored functions can read it. */
  #spawnOptions(): { cwd: string; env: Record<string, string>; uid?: number; gid?: number } {
    const { uid, gid, switches } = this.#parts.user;
    const env = { LC_ALL: 'C', HOME: this.directory, PATH: '/usr/local/bin:/usr/bin:/bin', TZ: 'UTC' };
    return { cwd: this.directory, env, ...(switches ? { uid, gid } : {}) };
  }

  /** The server says in its pid file that it takes connections. */
  async #untilReady(server: ChildProcess, signal: AbortSignal): Promise<void> {
    for (;;) {
      throwIfAborted(signal);
      if (server.exitCode !== null || server.signalCode !== null) throw this.#failed('start', await this.#readLog());
      const status = (await readIfThere(join(this.#dataDirectory, 'postmaster.pid'))).split('\n')[7];
      if (status?.trim() === 'ready') return;
      await sleep(20);
    }
  }

  async #readLog(): Promise<string> {
    const log = await readIfThere(join(this.directory, 'log'));
    return log.trim().slice(-2000) || 'it wrote nothing to its log';
  }

  #failed(action: string, problem: string, cause?: unknown): HoldfastError {
    return new HoldfastError('TOOL_FAILED', `Cannot ${action} the throw-away PostgreSQL server in ${this.directory}: ${problem}`, {
      hint: 'Check that the user of the server may enter the directory and that it has room, or set HOLDFAST_SCRATCH_DIR to another one',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

async function readIfThere(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}
