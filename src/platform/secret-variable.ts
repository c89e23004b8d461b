import { readFileSync } from 'node:fs';
import { HoldfastError } from '../domain/errors.ts';
import { Secret } from '../domain/secret.ts';
import { isSystemError } from './system-error.ts';

/**
 * The secret in a variable, or in the file that the variable of the same name with `_FILE` appended names, as containers
 * are handed secrets; without the line's end. Null when neither is set; empty counts as unset. Throws `CONFIG_INVALID` when
 * both are, `SECRET_MISSING` when the file cannot be read or is empty.
 */
export function secretVariable(environment: Readonly<Record<string, string | undefined>>, variable: string): Secret | null {
  const value = environment[variable] ?? '';
  const path = environment[`${variable}_FILE`] ?? '';
  if (path === '') return value === '' ? null : new Secret(value, `env:${variable}`);
  if (value !== '')
    throw new HoldfastError('CONFIG_INVALID', `${variable}_FILE is set beside ${variable}`, {
      hint: `Unset ${variable}, or ${variable}_FILE`,
    });
  const text = readSecret(path, variable).replace(/\r?\n$/, '');
  if (text === '') throw missing(path, variable, 'it is empty');
  return new Secret(text, `file:${path}`);
}

function readSecret(path: string, variable: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw missing(path, variable, reasons[cause.code] ?? cause.code, cause);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a directory',
};

function missing(path: string, variable: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError('SECRET_MISSING', `Cannot read the file "${path}" that ${variable}_FILE names: ${reason}`, {
    hint: `Put the secret there, readable by the user who runs holdfast, or correct ${variable}_FILE`,
    cause,
  });
}
