import type { z } from 'zod';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { Problem } from './contract.ts';
import { httpStatusOf } from './http-status.ts';

export const problemMediaType = 'application/problem+json; charset=utf-8';

/** What is told of an error: everything of ours, nothing of an unknown one. */
export function problemOf(error: unknown, where: { readonly path: string; readonly base: string }): Problem {
  const known = isHoldfastError(error) ? error : unknownProblem(error);
  const errors = known.details['errors'] as Problem['errors'];
  return {
    type: `${where.base}/docs#${known.code}`,
    title: known.code.charAt(0) + known.code.slice(1).toLowerCase().replaceAll('_', ' '),
    status: httpStatusOf(known.code),
    detail: known.message,
    instance: where.path,
    code: known.code,
    hint: known.hint,
    ...(errors === undefined ? {} : { errors }),
  };
}

function unknownProblem(cause: unknown): HoldfastError {
  return new HoldfastError('INTERNAL', 'Something went wrong inside Holdfast', {
    hint: 'Look in the log of the service for the request with this X-Request-Id, and report it',
    cause,
  });
}

/** What the server or its parser refused before a route saw it, in our words; anything else as it is. */
export function asHoldfastError(error: unknown): unknown {
  if (isHoldfastError(error)) return error;
  const { code, statusCode } = error as { readonly code?: unknown; readonly statusCode?: unknown };
  if (statusCode === 413)
    return new HoldfastError('BODY_TOO_LARGE', 'Cannot take a body of more than 64 KiB', { hint: 'Send less', cause: error });
  if (statusCode === 415)
    return new HoldfastError('MEDIA_TYPE', 'Cannot read a body of this media type', {
      hint: 'Send JSON, with Content-Type: application/json',
      cause: error,
    });
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return notFound('an address as long as this');
  if (code === 'FST_ERR_BAD_URL') return invalidRequest([{ pointer: '/params', detail: 'is not well-formed percent-encoding' }]);
  if (statusCode === 400) return invalidRequest([{ pointer: '/body', detail: 'is not well-formed JSON in UTF-8' }]);
  return error;
}

export interface Finding {
  /** JSON pointer into `{ params, query, body, headers }`. */
  readonly pointer: string;
  readonly detail: string;
}

export function invalidRequest(errors: readonly Finding[]): HoldfastError {
  const [first] = errors;
  const what = first === undefined ? '' : `: ${first.pointer} ${first.detail}`;
  return new HoldfastError('REQUEST_INVALID', `Cannot take this request${what}`, {
    hint: 'Compare it with GET /openapi.json, and send it again',
    details: { errors },
  });
}

const mostFindings = 20;

/** What a schema found wrong, value by value; values themselves are not repeated. */
export function findingsOf(error: z.ZodError, part: string): readonly Finding[] {
  return error.issues
    .flatMap((issue): Finding[] => {
      const pointer = pointerOf([part, ...issue.path]);
      if (issue.code !== 'unrecognized_keys') return [{ pointer, detail: issue.message }];
      return issue.keys.map((key) => ({ pointer: `${pointer}${pointerOf([key])}`, detail: 'is not known here' }));
    })
    .slice(0, mostFindings);
}

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export function notFound(path: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is nothing at ${path.slice(0, 200)}`, { hint: 'See what there is: GET /openapi.json' });
}
