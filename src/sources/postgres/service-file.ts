import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from '../../domain/errors.ts';
import { isSystemError } from '../../platform/system-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** One parameter of a connection, and the line where it stands. */
export interface ServiceParameter {
  readonly name: string;
  readonly value: string;
  readonly place: string;
}

/**
 * The connection parameters that a service's name stands for. As libpq does, it looks into the file that `PGSERVICEFILE`
 * names or `~/.pg_service.conf`, then into the system's. Throws `CONFIG_INVALID`.
 * @see https://www.postgresql.org/docs/current/libpq-pgservice.html
 */
export function readService(name: string, environment: Environment): readonly ServiceParameter[] {
  const files = serviceFiles(environment);
  for (const file of files) {
    const text = readIfThere(file);
    if (text === null && file === environment['PGSERVICEFILE'])
      throw invalid(`Cannot find the service file "${file}"`, 'Correct PGSERVICEFILE, or make the file there');
    const parameters = text === null ? null : section(text, name, file);
    if (parameters !== null) return parameters;
  }
  throw invalid(`The service "${name}" is not defined in ${files.join(' or ')}`, `Add a section [${name}] there, or correct PGSERVICE`);
}

/** Debian's packages look in the second place, PostgreSQL's own in the third. */
const systemDirectories = ['/etc/postgresql-common', '/etc/sysconfig/pgsql', '/usr/local/pgsql/etc'];

function serviceFiles(environment: Environment): readonly string[] {
  const own = environment['PGSERVICEFILE'] || join(environment['HOME'] || homedir(), '.pg_service.conf');
  const directory = environment['PGSYSCONFDIR'];
  return [own, ...(directory ? [directory] : systemDirectories).map((each) => join(each, 'pg_service.conf'))];
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT', 'ENOTDIR')) return null;
    if (isSystemError(cause))
      throw invalid(`Cannot read the service file "${file}": ${cause.code}`, 'Make it readable for this user', cause);
    throw cause;
  }
}

/** Of several sections the first; null when there is none. */
function section(text: string, name: string, file: string): readonly ServiceParameter[] | null {
  let parameters: ServiceParameter[] | null = null;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (!line.startsWith('[')) parameters?.push(parameter(line, `${file}:${index + 1}`));
    else if (parameters !== null) break;
    else if (line.startsWith(`[${name}]`)) parameters = [];
  }
  return parameters;
}

function parameter(line: string, place: string): ServiceParameter {
  const equals = line.indexOf('=');
  // Not quoted: it may hold a password.
  if (equals < 0)
    throw invalid(`${place} is not of the form name=value`, 'Write one parameter a line; a directory server is not asked for them');
  return { name: line.slice(0, equals), value: line.slice(equals + 1), place };
}

function invalid(message: string, hint: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CONFIG_INVALID', message, { hint, cause });
}
