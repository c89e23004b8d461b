import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { apiService } from '../../test/fixtures/api-service.ts';
import { openApi } from './openapi.ts';
import { type AnyRoute, route } from './route.ts';

const thing = z.object({ name: z.string(), note: z.string().default('') }).meta({ id: 'OpenApiTestThing' });

const sample: AnyRoute = route({
  method: 'POST',
  path: '/api/v1/things/:thing/parts/:part',
  id: 'addPart',
  group: 'plans',
  summary: 'Adds a part',
  needs: 'operator',
  params: z.object({ thing: z.string(), part: z.string().describe('name of the part') }),
  query: z.object({ limit: z.coerce.number().int().min(1).max(500).default(50), must: z.string() }),
  body: z.strictObject({ text: z.string().max(10) }),
  idempotencyKey: 'required',
  replies: { 201: z.object({ thing }), 204: null, 206: 'application/octet-stream' },
  handle: () => Promise.resolve({ status: 204 }),
});

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, { readonly operationId: string; readonly security: unknown }>>;
  readonly components: { readonly schemas: Record<string, object> };
}

describe('openApi()', () => {
  const document = openApi([sample], { version: '1.2.3', basePath: '/holdfast' }) as unknown as Document;

  test('tells a route as it is', () => {
    expect(document.paths['/api/v1/things/{thing}/parts/{part}']?.['post']).toMatchInlineSnapshot(`
      {
        "operationId": "addPart",
        "parameters": [
          {
            "in": "path",
            "name": "thing",
            "required": true,
            "schema": {
              "type": "string",
            },
          },
          {
            "description": "name of the part",
            "in": "path",
            "name": "part",
            "required": true,
            "schema": {
              "type": "string",
            },
          },
          {
            "in": "query",
            "name": "limit",
            "required": false,
            "schema": {
              "default": 50,
              "maximum": 500,
              "minimum": 1,
              "type": "integer",
            },
          },
          {
            "in": "query",
            "name": "must",
            "required": true,
            "schema": {
              "type": "string",
            },
          },
          {
            "description": "Chosen by the caller: the same request with the same key is done once, and answered again with its first reply for 24 hours",
            "in": "header",
            "name": "Idempotency-Key",
            "required": true,
            "schema": {
              "pattern": "^[\\x21-\\x7e]{1,128}$",
              "type": "string",
            },
          },
        ],
        "requestBody": {
          "content": {
            "application/json": {
              "schema": {
                "additionalProperties": false,
                "properties": {
                  "text": {
                    "maxLength": 10,
                    "type": "string",
                  },
                },
                "required": [
                  "text",
                ],
                "type": "object",
              },
            },
          },
          "required": true,
        },
        "responses": {
          "201": {
            "content": {
              "application/json": {
                "schema": {
                  "properties": {
                    "thing": {
                      "$ref": "#/components/schemas/OpenApiTestThing",
                    },
                  },
                  "required": [
                    "thing",
                  ],
                  "type": "object",
                },
              },
            },
            "description": "Made",
          },
          "204": {
            "description": "Done; there is nothing to say",
          },
          "206": {
            "content": {
              "application/octet-stream": {},
            },
            "description": "The part that was asked for",
          },
          "default": {
            "$ref": "#/components/responses/Problem",
          },
        },
        "security": [
          {
            "bearer": [],
          },
          {
            "session": [],
          },
        ],
        "summary": "Adds a part",
        "tags": [
          "plans",
        ],
        "x-holdfast-role": "operator",
      }
    `);
  });

  test('names what a reply promises, open to new keys', () => {
    expect(document.components.schemas['OpenApiTestThing']).toEqual({
      type: 'object',
      properties: { name: { type: 'string' }, note: { default: '', type: 'string' } },
      required: ['name', 'note'],
    });
  });

  test('refuses two shapes of one name', () => {
    const other = z.object({ other: z.string() }).meta({ id: 'OpenApiTestThing' });
    const clash = { ...sample, id: 'clash', path: '/clash', replies: { 200: other } } as AnyRoute;
    expect(() => openApi([sample, clash], { version: '1', basePath: '' })).toThrow('two schemas are called OpenApiTestThing');
  });
});

describe('GET /openapi.json', () => {
  test('has every route that answers, and is told as unchanged the second time', async () => {
    await using service = await apiService({ routes: () => [sample] });
    const response = await fetch(`${service.url}/openapi.json`);
    const document = (await response.json()) as Document;
    expect(document.openapi).toBe('3.1.1');
    expect(Object.keys(document.paths).toSorted()).toEqual([
      '/api/v1/config',
      '/api/v1/things/{thing}/parts/{part}',
      '/healthz',
      '/metrics',
      '/openapi.json',
      '/readyz',
    ]);
    const again = await fetch(`${service.url}/openapi.json`, { headers: { 'if-none-match': response.headers.get('etag') ?? '' } });
    expect(again.status).toBe(304);
  });

  test('holds schemas that are schemas, and refers to none that is missing', async () => {
    await using service = await apiService({ routes: () => [sample] });
    const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as Document;
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'document');
    for (const name of Object.keys(document.components.schemas))
      expect(() => ajv.compile({ $ref: `document#/components/schemas/${name}` }), name).not.toThrow();
  });
});
