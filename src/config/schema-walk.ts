import type { z } from 'zod';
import type { FieldRole } from '../ports/config-fields.ts';
import type { KeyPath } from './config-node.ts';

/** The parts of zod's schema definitions that are walked here; see `zod/v4/core/schemas`. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly left?: z.ZodType;
  readonly right?: z.ZodType;
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly getter?: () => z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly defaultValue?: unknown;
}

function definition(schema: z.ZodType): Definition {
  return schema._zod.def;
}

/** The schema itself and what it wraps: through optional, default, unions and pipes, down to objects, lists and values. */
function* unwrapped(schema: z.ZodType): Generator<z.ZodType> {
  yield schema;
  const { innerType, options, left, right, in: input, out, getter, type } = definition(schema);
  // A preprocess is a pipe that begins with a transform: what was written is described by its other end.
  const pipe = type === 'pipe' ? (input !== undefined && definition(input).type !== 'transform' ? input : out) : undefined;
  for (const inner of [innerType, ...(options ?? []), left, right, pipe, getter?.()]) {
    if (inner !== undefined) yield* unwrapped(inner);
  }
}

/** Every schema that could apply at a path below `schema`. */
function schemasAt(schema: z.ZodType, path: KeyPath): readonly z.ZodType[] {
  return path.reduce<readonly z.ZodType[]>((schemas, key) => schemas.flatMap((each) => childSchemas(each, key)), [schema]);
}

function childSchemas(schema: z.ZodType, key: string | number): readonly z.ZodType[] {
  return [...unwrapped(schema)].flatMap((each) => {
    const { shape, element, valueType } = definition(each);
    const child = typeof key === 'number' ? element : shape !== undefined && Object.hasOwn(shape, key) ? shape[key] : valueType;
    return child === undefined ? [] : [child];
  });
}

/** What config does to a text at this path before the schema sees it. */
export function roleAt(schema: z.ZodType, path: KeyPath): FieldRole | undefined {
  const roles = metadataAt(schema, path).map((metadata) => metadata['holdfast']);
  return roles.includes('secret') ? 'secret' : roles.includes('path') ? 'path' : undefined;
}

/** True for a secret that a configuration is valid without: it is needed on some days only, and kept elsewhere. */
export function mayBeAway(schema: z.ZodType, path: KeyPath): boolean {
  return metadataAt(schema, path).some((metadata) => metadata['mayBeAway'] === true);
}

function metadataAt(schema: z.ZodType, path: KeyPath): readonly Readonly<Record<string, unknown>>[] {
  return schemasAt(schema, path).flatMap((each) => [...unwrapped(each)].map((inner) => inner.meta() ?? {}));
}

/** Types of the values that may stand at a path: `string`, `number`, `boolean`, `array`, … */
export function typesAt(schema: z.ZodType, path: KeyPath): ReadonlySet<string> {
  return new Set(schemasAt(schema, path).flatMap((each) => [...unwrapped(each)].map((inner) => definition(inner).type)));
}

/** Keys that an object at this path may have. */
export function keysAt(schema: z.ZodType, path: KeyPath): readonly string[] {
  const shapes = schemasAt(schema, path).flatMap((each) => [...unwrapped(each)].map((inner) => definition(inner).shape ?? {}));
  return [...new Set(shapes.flatMap((shape) => Object.keys(shape)))];
}

/** Defaults of the keys of an object at this path. */
export function defaultsAt(schema: z.ZodType, path: KeyPath): ReadonlyMap<string, unknown> {
  const defaults = new Map<string, unknown>();
  for (const key of keysAt(schema, path)) {
    for (const inner of schemasAt(schema, [...path, key]).flatMap((each) => [...unwrapped(each)])) {
      const { type, defaultValue } = definition(inner);
      if ((type === 'default' || type === 'prefault') && !defaults.has(key)) defaults.set(key, defaultValue);
    }
  }
  return defaults;
}
