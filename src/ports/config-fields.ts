import { z } from 'zod';
import { Secret } from '../domain/secret.ts';

/** What config does to a text before the schema sees it; see `secretText` and `pathText`. */
export type FieldRole = 'secret' | 'path';

/**
 * A text that must not be seen: a password, a token, a URL that carries one. In the file it is a reference such as
 * `${env:DATABASE_URL}`; the schema receives a `Secret`. Add words for the reference page with `.describe(…)`.
 */
export function secretText() {
  return z
    .custom<Secret>((value) => value instanceof Secret, { error: ({ input }) => (input === undefined ? 'is missing' : 'must be text') })
    .meta({ holdfast: 'secret' satisfies FieldRole });
}

/**
 * A path of this machine. The schema receives it absolute: `~` is expanded, and a relative one starts at the directory
 * of the configuration file (at the working directory when the environment alone configures).
 */
export function pathText() {
  return z
    .string()
    .min(1, 'must not be empty')
    .meta({ holdfast: 'path' satisfies FieldRole });
}
