import { z } from 'zod';
import { findingsOf, invalidRequest, pointerOf } from './problems.ts';
import type { AnyRoute } from './route.ts';

/** The schemas of one route, ready to be used: what no schema names is refused. */
export interface InputSchemas {
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType;
}

export function inputSchemasOf(route: AnyRoute): InputSchemas {
  const nothing = z.strictObject({});
  return {
    params: closedInput(route, 'params') ?? nothing,
    query: closedInput(route, 'query') ?? nothing,
    body: closedInput(route, 'body') ?? nothing,
  };
}

/** The route's own schema of that part, which takes no key that it does not name; null when it has none. */
export function closedInput(route: AnyRoute, part: keyof InputSchemas): z.ZodType | null {
  const schema: z.ZodType | undefined = route[part];
  if (schema === undefined) return null;
  return schema instanceof z.ZodObject && schema.def.catchall === undefined ? schema.strict() : schema;
}

/** Throws `REQUEST_INVALID` with every finding of that part. */
export function parsePart(schemas: InputSchemas, part: keyof InputSchemas, value: unknown): unknown {
  const given = value ?? {};
  refuseOddText(given, [part]);
  const result = schemas[part].safeParse(given);
  if (!result.success) throw invalidRequest(findingsOf(result.error, part));
  return result.data;
}

/** No body of ours is nested half as deeply. */
const deepest = 16;

/** No name, path or text of ours holds NUL or half a surrogate pair, and not everything behind us can keep them. */
function refuseOddText(value: unknown, path: readonly PropertyKey[]): void {
  if (typeof value === 'string' && !isPlain(value)) throw oddText(path);
  if (typeof value !== 'object' || value === null) return;
  if (path.length > deepest) throw invalidRequest([{ pointer: pointerOf(path), detail: 'is nested too deeply' }]);
  for (const [key, item] of Object.entries(value)) {
    if (!isPlain(key)) throw oddText(path);
    refuseOddText(item, [...path, key]);
  }
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function oddText(path: readonly PropertyKey[]): Error {
  return invalidRequest([{ pointer: pointerOf(path), detail: 'holds NUL or a half of a surrogate pair' }]);
}

/** Bytes of a body as JSON; undefined for none. Throws a plain error with `statusCode` 400, as the server's own parser does. */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  return JSON.parse(text, refusePrototype) as unknown;
}

function refusePrototype(this: unknown, key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('__proto__ is not a key');
  return value;
}
