import { z } from 'zod';
import { problem } from './contract.ts';
import { closedInput } from './request-input.ts';
import type { AnyRoute } from './route.ts';

type Json = Record<string, unknown>;

/** What each group of routes is for. */
const groups: Readonly<Record<AnyRoute['group'], string>> = {
  status: 'Is the data safe, since when is that proven, and what needs somebody',
  plans: 'Plans, when they run next, and runs of them by hand',
  runs: 'Runs, live and past',
  snapshots: 'What was backed up: what is in it, its files, proofs and copies',
  restore: 'Changes that cannot be undone: each is previewed and confirmed first',
  stores: 'Where snapshots are kept',
  alerts: 'What is wrong now, and who was told',
  access: 'People, tokens, sign-in and the audit log',
  system: 'The service itself',
  backups: 'The calls of the first service, with their own words and bodies',
};

/**
 * The document of all routes, made of the schemas that requests are held against.
 *
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openApi(routes: readonly AnyRoute[], { version, basePath }: { readonly version: string; readonly basePath: string }): Json {
  const components = new Components();
  const paths: Record<string, Json> = {};
  for (const route of routes) (paths[pathOf(route)] ??= {})[route.method.toLowerCase()] = operationOf(route, components);
  const problemRef = components.schema(problem, 'output');
  return {
    openapi: '3.1.1',
    info: {
      title: 'Holdfast',
      version,
      description: 'Backs up a whole self-hosted application, proves each backup by restoring it, and gets everything back.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    tags: Object.entries(groups).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: components.schemas,
      responses: {
        Problem: { description: 'Refused or failed: why, and what to do', content: { 'application/problem+json': { schema: problemRef } } },
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token of: holdfast token create --role viewer|operator|administrator' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'holdfast',
          description:
            'Set by signing in, over https with the prefix __Host-, below a path __Secure-; acts need X-CSRF-Token as told by GET /api/v1/me',
        },
      },
    },
  };
}

/** `/plans/:plan` as `/plans/{plan}`. */
function pathOf({ path }: Pick<AnyRoute, 'path'>): string {
  return path.replaceAll(/:(\w+)/gu, '{$1}');
}

function operationOf(route: AnyRoute, components: Components): Json {
  const parameters = [
    ...parametersOf(route, 'params', components),
    ...parametersOf(route, 'query', components),
    ...idempotencyHeader(route),
  ];
  const body = closedInput(route, 'body');
  return {
    operationId: route.id,
    tags: [route.group],
    summary: route.summary,
    'x-holdfast-role': route.needs,
    security: route.needs === 'public' ? [] : [{ bearer: [] }, { session: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== null && {
      requestBody: { required: !body.safeParse({}).success, content: { 'application/json': { schema: components.schema(body, 'input') } } },
    }),
    responses: { ...repliesOf(route, components), default: { $ref: '#/components/responses/Problem' } },
  };
}

function parametersOf(route: AnyRoute, part: 'params' | 'query', components: Components): Json[] {
  const schema = closedInput(route, part);
  if (schema === null) return [];
  const { properties = {}, required = [] } = components.inline(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: part === 'params' ? 'path' : 'query',
    required: part === 'params' || required.includes(name),
    ...(description !== undefined && { description }),
    schema: rest,
  }));
}

function idempotencyHeader({ idempotencyKey }: AnyRoute): Json[] {
  if (idempotencyKey === undefined) return [];
  return [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: idempotencyKey === 'required',
      description:
        'Chosen by the caller: the same request with the same key is done once, and answered again with its first reply for 24 hours',
      schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
    },
  ];
}

function repliesOf({ replies }: AnyRoute, components: Components): Json {
  return Object.fromEntries(
    Object.entries(replies).map(([status, reply]) => {
      const description = descriptions[status] ?? 'Done';
      if (reply === null) return [status, { description }];
      if (typeof reply === 'string') return [status, { description, content: { [reply]: {} } }];
      return [status, { description, content: { 'application/json': { schema: components.schema(reply, 'output') } } }];
    }),
  );
}

const descriptions: Readonly<Record<string, string>> = {
  '200': 'Here it is',
  '201': 'Made',
  '202': 'Begun; its progress is told by the run',
  '204': 'Done; there is nothing to say',
  '206': 'The part that was asked for',
  '302': 'Go there',
  '304': 'Unchanged since the ETag that was sent',
};

/** Collects the named schemas that others refer to. A name must stand for one shape. */
class Components {
  readonly schemas: Record<string, Json> = {};

  /** The schema, or a reference to it when it has a name. */
  schema(schema: z.ZodType, io: 'input' | 'output'): Json {
    const {
      $schema: _dialect,
      $defs = {},
      ...root
    } = relocated(z.toJSONSchema(schema, { io, unrepresentable: 'any', override: open(io) }));
    for (const [name, definition] of Object.entries($defs as Record<string, Json>)) this.#add(name, definition);
    return root;
  }

  /** The shape itself, also when it has a name. */
  inline(schema: z.ZodType, io: 'input' | 'output'): Json {
    const { $ref, ...shape } = this.schema(schema, io);
    return typeof $ref === 'string' ? (this.schemas[$ref.slice('#/components/schemas/'.length)] ?? {}) : shape;
  }

  #add(name: string, definition: Json): void {
    const { id: _id, ...shape } = definition;
    const known = this.schemas[name];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(shape)) throw new Error(`two schemas are called ${name}`);
    this.schemas[name] = shape;
  }
}

/** Replies may gain keys without breaking anybody; requests with unknown keys are refused. */
function open(io: 'input' | 'output') {
  return ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: z.core.JSONSchema.BaseSchema }): void => {
    if (io === 'output' && zodSchema instanceof z.ZodObject && zodSchema.def.catchall === undefined) delete jsonSchema.additionalProperties;
  };
}

function relocated(schema: unknown): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
}
