import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, asApiError } from './api.ts';
import { ErrorList } from './error-list.tsx';
import { Mark } from './icons.tsx';
import { hrefOf } from './router.ts';
import { Copyable, Loading, Trouble } from './ui.tsx';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
}

interface Media {
  readonly schema?: Schema;
}

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema?: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly content?: Readonly<Record<string, Media>> }>>;
  readonly 'x-holdfast-role'?: string;
}

interface OpenApi {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

interface Listed {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'];

/** The reference of the API, drawn from the document that the service itself validates by. */
export function DocsPage(): JSX.Element {
  const [api, setApi] = useState<OpenApi | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  useEffect(() => {
    document.title = 'API · Holdfast';
    read().then(setApi, (reason: unknown) => setError(asApiError(reason)));
  }, []);
  useEffect(() => {
    if (api !== undefined && location.hash !== '') document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, [api]);
  return (
    <main id="main" class="docs">
      <header class="page-head">
        <a class="brand" href={hrefOf('/')}>
          <Mark />
          <span>Holdfast</span>
        </a>
        <div class="page-title">
          <h1 tabIndex={-1}>API</h1>
          {api === undefined ? null : <span class="pill quiet">{api.info.version}</span>}
        </div>
        <p class="lead">
          Everything the command line does, over HTTP. The same in one file:{' '}
          <a href="openapi.json" data-leaves>
            openapi.json
          </a>
          . Make a token with <code>holdfast token create --role viewer</code>, and send it as <code>Authorization: Bearer …</code>.
        </p>
      </header>
      <Trouble error={error} />
      {api === undefined && error === undefined ? <Loading /> : null}
      {api === undefined ? null : <Reference api={api} />}
      {api === undefined ? null : <ErrorList />}
    </main>
  );
}

async function read(): Promise<OpenApi> {
  const response = await fetch('openapi.json');
  if (!response.ok) throw new Error(`openapi.json: ${response.status} ${response.statusText}`);
  return (await response.json()) as OpenApi;
}

function listed(api: OpenApi): ReadonlyMap<string, readonly Listed[]> {
  const groups = new Map<string, Listed[]>();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of methods) {
      const operation = item[method];
      if (operation === undefined) continue;
      const group = operation.tags?.[0] ?? 'other';
      groups.set(group, [...(groups.get(group) ?? []), { method, path, operation }]);
    }
  }
  return groups;
}

function Reference({ api }: { readonly api: OpenApi }): JSX.Element {
  const groups = [...listed(api)];
  return (
    <>
      {groups.map(([group, operations]) => (
        <section key={group} class="section">
          <h2>{group}</h2>
          <div class="operations">
            {operations.map((each) => (
              <OperationRow key={each.operation.operationId} listed={each} />
            ))}
          </div>
        </section>
      ))}
      <section class="section">
        <h2>Shapes</h2>
        {Object.entries(api.components?.schemas ?? {}).map(([name, schema]) => (
          <details key={name} id={`shape-${name}`} class="operation">
            <summary>
              <code>{name}</code>
            </summary>
            <Fields schema={schema} />
          </details>
        ))}
      </section>
    </>
  );
}

function OperationRow({ listed: { method, path, operation } }: { readonly listed: Listed }): JSX.Element {
  const [contentType, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const role = operation['x-holdfast-role'] ?? 'public';
  return (
    <details class="operation" id={operation.operationId}>
      <summary>
        <span class={`method ${method}`}>{method.toUpperCase()}</span>
        <code>{path}</code>
        <span class="soft">{operation.summary}</span>
      </summary>
      <div class="operation-body">
        <p class="soft small">{role === 'public' ? 'Open to everybody.' : `Needs the role of ${role} or more.`}</p>
        {operation.parameters === undefined || operation.parameters.length === 0 ? null : (
          <>
            <h3>Parameters</h3>
            <ul class="shape">
              {operation.parameters.map((parameter) => (
                <li key={`${parameter.in} ${parameter.name}`}>
                  <code>{parameter.name}</code> <Type schema={parameter.schema ?? {}} />
                  <span class="soft small">
                    {' '}
                    in {parameter.in}
                    {parameter.required === true ? ', required' : ''}
                  </span>
                </li>
              ))}
            </ul>
          </>
        )}
        {body === undefined ? null : (
          <>
            <h3>Body</h3>
            <Fields schema={body.schema ?? {}} />
          </>
        )}
        <h3>Answers</h3>
        <ul class="shape">
          {Object.entries(operation.responses).map(([status, reply]) => {
            const [type, media] = Object.entries(reply.content ?? {})[0] ?? [];
            return (
              <li key={status}>
                <code>{status}</code>{' '}
                {media?.schema === undefined ? <span class="soft">{type ?? 'no body'}</span> : <Type schema={media.schema} />}
              </li>
            );
          })}
        </ul>
        <Copyable label={`curl for ${operation.operationId}`} text={curlOf(method, path, contentType)} />
      </div>
    </details>
  );
}

function curlOf(method: string, path: string, contentType: string | undefined): string {
  const url = new URL(hrefOf(path), document.baseURI).href.replaceAll('%7B', '{').replaceAll('%7D', '}');
  const parts = ['curl', method === 'get' ? '' : `-X ${method.toUpperCase()}`, '-H "Authorization: Bearer $TOKEN"'];
  if (contentType !== undefined) parts.push(`-H 'Content-Type: ${contentType}' -d '{}'`);
  return [...parts.filter((part) => part !== ''), `'${url}'`].join(' ');
}

function Fields({ schema }: { readonly schema: Schema }): JSX.Element {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) {
    return (
      <p class="shape">
        <Type schema={schema} />
      </p>
    );
  }
  return (
    <ul class="shape">
      {properties.map(([name, property]) => (
        <li key={name}>
          <code>{name}</code> <Type schema={property} />
          {schema.required?.includes(name) === true ? null : <span class="soft small"> optional</span>}
          {property.description === undefined ? null : <span class="soft small"> {property.description}</span>}
        </li>
      ))}
    </ul>
  );
}

function Type({ schema }: { readonly schema: Schema }): JSX.Element {
  if (schema.$ref !== undefined) return <ShapeLink name={schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)} />;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    return (
      <>
        {choices.map((choice, index) => (
          <span key={JSON.stringify(choice)}>
            {index === 0 ? '' : ' | '}
            <Type schema={choice} />
          </span>
        ))}
      </>
    );
  }
  if (schema.items !== undefined) {
    return (
      <>
        list of <Type schema={schema.items} />
      </>
    );
  }
  if (schema.enum !== undefined) return <span class="type">{schema.enum.map((value) => JSON.stringify(value)).join(' | ')}</span>;
  if (schema.const !== undefined) return <span class="type">{JSON.stringify(schema.const)}</span>;
  if (schema.properties !== undefined) {
    return (
      <span class="type">
        {'{ '}
        {Object.keys(schema.properties).join(', ')}
        {' }'}
      </span>
    );
  }
  const type = typeof schema.type === 'string' ? schema.type : (schema.type?.join(' | ') ?? 'any');
  return <span class="type">{schema.format === undefined ? type : `${type}, ${schema.format}`}</span>;
}

/** Opens the shape further down the page. */
function ShapeLink({ name }: { readonly name: string }): JSX.Element {
  return (
    <a
      href={hrefOf(`/docs#shape-${name}`)}
      onClick={(event) => {
        event.preventDefault();
        const shape = document.getElementById(`shape-${name}`);
        if (shape instanceof HTMLDetailsElement) shape.open = true;
        shape?.scrollIntoView();
      }}
    >
      {name}
    </a>
  );
}
