import { z } from 'zod';
import { notifySchema, planNamePattern, planSchema, sourceSchema, storeSchema } from './plan-schema.ts';
import type { Registries } from './plan-items.ts';
import { historySchema, serviceSchema } from './service-schema.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

interface Kind {
  readonly kind: string;
  readonly title: string;
  readonly schema: z.ZodType;
}

/**
 * The JSON Schema (draft 2020-12) of the configuration file, for editors. It says what can be written; that dates exist,
 * names differ and secrets can be found is checked by `loadConfig` alone.
 */
export function configSchema({ sources, stores, notifiers }: Registries): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Holdfast configuration',
    description: 'What is backed up, where it goes, when, how long it is kept, and how it is proven. Check it with: holdfast config check',
    type: 'object',
    properties: {
      plans: {
        title: 'Plans',
        description: 'plans by name; the name becomes part of file names',
        type: 'object',
        minProperties: 1,
        propertyNames: { pattern: planNamePattern.source },
        additionalProperties: { $ref: '#/$defs/plan' },
      },
      service: { title: 'Service', ...toJson(serviceSchema) },
      history: { title: 'History', ...toJson(historySchema) },
    },
    required: ['plans'],
    additionalProperties: false,
    $defs: {
      plan: planJson({ sources, stores, notifiers }),
      ...definitions('source', sources, sourceSchema),
      ...definitions('store', stores, storeSchema),
      ...definitions('notify', notifiers, notifySchema),
    },
  };
}

function planJson({ sources, stores, notifiers }: Registries): JsonSchema {
  const { properties, ...plan } = toJson(planSchema);
  const lists = {
    sources: listOf('source', sources, planSchema.shape.sources),
    stores: listOf('store', stores, planSchema.shape.stores),
    notify: listOf('notify', notifiers, planSchema.shape.notify),
  };
  return { title: 'Plan', ...plan, properties: { ...(properties as object), ...lists } };
}

function listOf(what: string, kinds: readonly Kind[], list: z.ZodType): JsonSchema {
  const { description } = toJson(list);
  return { type: 'array', minItems: 1, description, items: { oneOf: kinds.map(({ kind }) => ({ $ref: `#/$defs/${what}-${kind}` })) } };
}

function definitions(what: string, kinds: readonly Kind[], common: z.ZodType): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(kinds.map((kind) => [`${what}-${kind.kind}`, kindJson(kind, toJson(common))]));
}

/** A kind's own keys and those of every kind, in one object or, where a kind has several forms, in each of them. */
function kindJson({ kind, title, schema }: Kind, common: JsonSchema): JsonSchema {
  const own = toJson(schema);
  const merge = (form: JsonSchema): JsonSchema => ({
    ...form,
    properties: withOwnKeys(
      common['properties'] as JsonSchema,
      { kind: { const: kind, description: title } },
      form['properties'] as JsonSchema,
    ),
    required: [
      ...new Set([...((common['required'] as string[] | undefined) ?? []), ...((form['required'] as string[] | undefined) ?? [])]),
    ],
  });
  const forms = own['anyOf'] ?? own['oneOf'];
  return { title, ...(Array.isArray(forms) ? { anyOf: forms.map((form: JsonSchema) => merge(form)) } : merge(own)) };
}

/** What tells an item from others first, then the kind's own keys, then the rest. */
function withOwnKeys({ kind: _, name, ...rest }: JsonSchema, kind: JsonSchema, own: JsonSchema | undefined): JsonSchema {
  return { ...kind, name, ...own, ...rest };
}

function toJson(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => describeField(jsonSchema),
  });
  return json;
}

/** Replaces the marks of `secretText` and `pathText` by what an editor understands. */
function describeField(json: Record<string, unknown>): void {
  if (json['holdfast'] === 'secret') {
    json['type'] = 'string';
    json['examples'] = ['${env:NAME}', '${file:/run/secrets/name}', '${credential:name}'];
  }
  // A reference may stand wherever text does.
  if (typeof json['pattern'] === 'string') json['pattern'] = `(?:${json['pattern']})|\\$\\{`;
  delete json['holdfast'];
  delete json['mayBeAway'];
  if (json['minimum'] === Number.MIN_SAFE_INTEGER) delete json['minimum'];
  if (json['maximum'] === Number.MAX_SAFE_INTEGER) delete json['maximum'];
}
