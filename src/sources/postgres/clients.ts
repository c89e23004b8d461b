import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, glob, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { HoldfastError } from '../../domain/errors.ts';

/** Where to look for PostgreSQL's programs. */
export interface ClientSearch {
  /** Directories, in order of preference; `*` stands for any part of a name. */
  readonly directories: readonly string[];
}

/** One directory of PostgreSQL programs of one version. */
export interface ClientInstallation {
  readonly directory: string;
  readonly major: number;
  /** `15.18 (Debian 15.18-0+deb12u1)`. */
  readonly version: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where Debian, Red Hat, Alpine, Homebrew and others install each major version, then PATH. */
export function defaultClientSearch(environment: Environment): ClientSearch {
  const path = (environment['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  return {
    directories: [
      '/usr/lib/postgresql/*/bin',
      '/usr/pgsql-*/bin',
      '/usr/libexec/postgresql*',
      '/usr/lib/postgresql*/bin',
      '/opt/homebrew/opt/postgresql@*/bin',
      '/usr/local/opt/postgresql@*/bin',
      '/opt/homebrew/opt/libpq/bin',
      '/usr/local/opt/libpq/bin',
      '/Applications/Postgres.app/Contents/Versions/*/bin',
      ...path,
    ],
  };
}

/** Every installation that has `program` (`pg_dump`, `psql`, `initdb`), in the order of the search. */
export async function findInstallations(program: string, search: ClientSearch): Promise<readonly ClientInstallation[]> {
  const found = new Map<string, string>();
  for (const pattern of search.directories) {
    for (const directory of await expand(pattern)) {
      const file = await executable(join(directory, program));
      if (file !== null && !found.has(file)) found.set(file, directory);
    }
  }
  const installations = await Promise.all([...found.values()].map((directory) => identify(directory, program)));
  return installations.filter((installation) => installation !== null);
}

export interface ClientNeed {
  readonly program: string;
  readonly serverMajor: number;
  /** For the message: what needs it. */
  readonly server: string;
}

/**
 * The installation to use: of exactly the wanted major version, else of the lowest newer one. A program that is older
 * than the server is never right. Throws `TOOL_MISSING`, naming what there is and the package to install.
 */
export function chooseInstallation<T extends Pick<ClientInstallation, 'major' | 'version'>>(
  installations: readonly T[],
  need: ClientNeed,
): T {
  const fitting = installations.filter(({ major }) => major >= need.serverMajor).toSorted((a, b) => a.major - b.major);
  const [best] = fitting;
  if (best !== undefined) return best;
  const found = installations.length === 0 ? 'none is installed' : `found ${installations.map(({ version }) => version).join(', ')}`;
  throw new HoldfastError('TOOL_MISSING', `Cannot use ${need.server}: it needs ${need.program} ${need.serverMajor} or newer, ${found}`, {
    hint: installHint(need),
    details: { program: need.program, serverMajor: need.serverMajor, found: installations.map(({ version }) => version) },
  });
}

const serverPrograms: ReadonlySet<string> = new Set(['initdb', 'postgres', 'pg_ctl']);

function installHint({ program, serverMajor }: ClientNeed): string {
  const kind = serverPrograms.has(program) ? '' : 'client-';
  return `Install it: apt-get install postgresql-${kind}${serverMajor} (from apt.postgresql.org when the distribution has no such version)`;
}

async function expand(pattern: string): Promise<string[]> {
  if (!pattern.includes('*')) return [pattern];
  const directories: string[] = [];
  for await (const directory of glob(pattern)) directories.push(directory);
  return directories.toSorted();
}

/** The real file behind a name; null when there is none to run. Debian's pg_wrapper picks a version by rules of its own, so it is none. */
async function executable(path: string): Promise<string | null> {
  try {
    await access(path, constants.X_OK);
    const file = await realpath(path);
    return file.endsWith('/pg_wrapper') ? null : file;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

async function identify(directory: string, program: string): Promise<ClientInstallation | null> {
  const { promise, resolve } = Promise.withResolvers<string>();
  // A program that cannot tell its version is as good as absent.
  execFile(join(directory, program), ['--version'], { env: { LC_ALL: 'C' }, timeout: 10_000 }, (error, stdout) =>
    resolve(error === null ? stdout : ''),
  );
  const parsed = parseVersion(await promise);
  return parsed === null ? null : { directory, ...parsed };
}

/** Reads what `pg_dump --version` prints: `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`. */
export function parseVersion(output: string): { readonly major: number; readonly version: string } | null {
  const version = /\(PostgreSQL\) (\d+.*)/.exec(output)?.[1]?.trim();
  return version === undefined ? null : { major: Number.parseInt(version, 10), version };
}
