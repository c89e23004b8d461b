import type { z } from 'zod';
import { HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { KeyPath, MapNode } from './config-node.ts';
import { reportIssues } from './issues.ts';
import { materialize, type Materializing } from './materialize.ts';
import { defaultsAt } from './schema-walk.ts';
import type { Shown, ShownMap } from './shown.ts';

export interface CheckedNode<T> {
  readonly data: T;
  readonly shown: ShownMap;
}

/** Applies a schema to what was written at `path`. Undefined when it is refused; the findings say why. */
export async function checkNode<Schema extends z.ZodType>(
  at: { readonly node: MapNode; readonly path: KeyPath; readonly schema: Schema; readonly otherKeys: readonly string[] },
  context: Materializing,
): Promise<CheckedNode<z.infer<Schema>> | undefined> {
  const { value, shown } = await materialize(at.node, { path: at.path, below: [], schema: at.schema }, context);
  const result = parse(at.schema, value);
  if (result instanceof HoldfastError) {
    // The schema looked into a secret that cannot be had; in `refuse` mode that was said already.
    if (context.missingSecrets === 'defer') context.findings.problem(at.node.origin, at.path, result.message, 'SECRET_MISSING');
    return undefined;
  }
  if (!result.success) {
    reportIssues(result.error.issues, at, context);
    return undefined;
  }
  return { data: result.data, shown: withDefaults(shown, at.schema) };
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.ZodSafeParseResult<z.infer<Schema>> | HoldfastError {
  try {
    return schema.safeParse(value);
  } catch (cause) {
    if (isHoldfastError(cause, 'SECRET_MISSING')) return cause;
    throw cause;
  }
}

function withDefaults(shown: Shown, schema: z.ZodType): ShownMap {
  const written = shown.kind === 'map' ? shown.entries : [];
  const keys = new Set(written.map(([key]) => key));
  const defaults = [...defaultsAt(schema, [])].filter(([key]) => !keys.has(key));
  return { kind: 'map', entries: [...written, ...defaults.map(([key, value]) => [key, shownDefault(value)] as const)] };
}

function shownDefault(value: unknown): Shown {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => shownDefault(item)) };
  const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return { kind: 'value', value: isPlain ? value : JSON.stringify(value ?? null), source: 'default' };
}
