import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HoldfastError } from '../domain/errors.ts';
import { makePrivateDirectory, writeNewFile } from './atomic-file.ts';
import { isSystemError } from './system-error.ts';

export interface DataDirectory {
  readonly path: string;
  /** Where the history is kept. */
  readonly historyFile: string;
  /** Where the service keeps its state: users, tokens, what is to be told. */
  readonly stateFile: string;
  /** Where plans are locked. */
  readonly locksDirectory: string;
  /** Identifies this copy of Holdfast among all that write to a store: a UUID, the same for ever. */
  readonly installation: string;
}

export interface DataDirectoryOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the user who runs Holdfast; undefined where users have no numbers. */
  readonly uid: number | undefined;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `HOLDFAST_DATA_DIR`; else `/var/lib/holdfast` for root, and `$XDG_STATE_HOME/holdfast` or `~/.local/state/holdfast` for others. @internal */
export function dataDirectoryPath({ environment, uid }: DataDirectoryOptions): string {
  const { HOLDFAST_DATA_DIR, XDG_STATE_HOME, HOME } = environment;
  if (isSet(HOLDFAST_DATA_DIR)) return resolve(HOLDFAST_DATA_DIR);
  if (uid === 0) return '/var/lib/holdfast';
  if (isSet(XDG_STATE_HOME)) return resolve(XDG_STATE_HOME, 'holdfast');
  if (isSet(HOME)) return resolve(HOME, '.local/state/holdfast');
  throw new HoldfastError('CONFIG_INVALID', 'Cannot tell where to keep the history: HOME is not set', {
    hint: 'Set HOLDFAST_DATA_DIR to a directory that the user who runs Holdfast may write to',
  });
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

/** Makes the directory, for its owner alone, when it does not exist, and gives the installation its identity. */
export async function openDataDirectory(options: DataDirectoryOptions): Promise<DataDirectory> {
  const path = dataDirectoryPath(options);
  try {
    await makePrivateDirectory(path);
    const installation = await readOrCreate(join(path, 'installation'));
    return {
      path,
      historyFile: join(path, 'history.sqlite'),
      stateFile: join(path, 'service.sqlite'),
      locksDirectory: join(path, 'locks'),
      installation,
    };
  } catch (error) {
    throw isSystemError(error) ? unusable(path, error) : error;
  }
}

/** Two processes may come first at the same time: one writes, both read what it wrote. */
async function readOrCreate(file: string): Promise<string> {
  const known = await readInstallation(file);
  if (known !== undefined) return known;
  try {
    await writeNewFile(file, `${randomUUID()}\n`);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
  return (await readInstallation(file)) ?? readOrCreate(file);
}

async function readInstallation(file: string): Promise<string | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    if (uuid.test(text)) return text;
    throw new HoldfastError('HISTORY_UNREADABLE', `Cannot use "${file}": it does not hold the identity of an installation`, {
      hint: `Remove "${file}"; a new identity is made, and what dead runs left in stores is removed after two days instead of at once`,
    });
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function unusable(path: string, cause: Error): HoldfastError {
  const denied = isSystemError(cause, 'EACCES', 'EPERM', 'EROFS');
  return new HoldfastError(
    denied ? 'PERMISSION_DENIED' : 'HISTORY_UNREADABLE',
    `Cannot use the data directory "${path}": ${cause.message}`,
    {
      hint: isSystemError(cause, 'ENOSPC', 'EDQUOT')
        ? 'Free space on the drive that holds it, then run the command again; HOLDFAST_DATA_DIR can name another place'
        : 'Set HOLDFAST_DATA_DIR to a directory that the user who runs Holdfast may write to',
      cause,
    },
  );
}
