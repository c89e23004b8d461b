import { planVariables } from '../src/config/environment-plan.ts';
import { configSchema } from '../src/config/config-schema.ts';
import { settingVariables } from '../src/config/service-settings.ts';
import { notifierDescriptors } from '../src/notifiers/registry.ts';
import { sourceDescriptors } from '../src/sources/registry.ts';
import { storeDescriptors } from '../src/stores/registry.ts';

interface Json {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Json>>;
  readonly items?: Json;
  readonly anyOf?: readonly Json[];
  readonly $defs?: Readonly<Record<string, Json>>;
}

const registries = { sources: sourceDescriptors, stores: storeDescriptors, notifiers: notifierDescriptors };

/** The page `docs/formats/config.md`: its words from here, its tables from the schemas. */
export function configReference(): string {
  const definitions = (configSchema(registries) as Json).$defs ?? {};
  const kinds = (what: string) => Object.entries(definitions).filter(([name]) => name.startsWith(`${what}-`));
  return `${[
    introduction,
    '## Keys of a plan',
    table(definitions['plan']),
    '## Sources',
    ...kinds('source').flatMap(([name, json]) => section(name.replace('source-', ''), json)),
    '## Stores',
    ...kinds('store').flatMap(([name, json]) => section(name.replace('store-', ''), json)),
    channels,
    ...kinds('notify').flatMap(([name, json]) => section(name.replace('notify-', ''), json)),
    service,
    settingsTable('service'),
    historyWords,
    settingsTable('history'),
    secrets,
    environment,
    variables(),
  ].join('\n\n')}\n`;
}

function section(kind: string, json: Json): readonly string[] {
  return [`### \`${kind}\`: ${json.title ?? kind}`, ...(json.anyOf ?? [json]).map((form) => table(form))];
}

function table(json: Json | undefined): string {
  return ['| key | value | default | meaning |', '|---|---|---|---|', ...rows(json, '')].join('\n');
}

/** Keys of the program, with the variable that sets each. */
function settingsTable(key: string): string {
  const json = (configSchema(registries) as Json).properties?.[key];
  const lines = rows(json, '').map((row) => {
    const name = /`([^`]+)`/u.exec(row)?.[1] ?? '';
    const setting = settingVariables.get(`${key}.${name}`);
    const twin = setting?.isSecret === true ? ` or \`${setting.variable}_FILE\`` : '';
    return row.replace(/ \|$/u, ` | ${setting === undefined ? '' : `\`${setting.variable}\`${twin}`} |`);
  });
  return ['| key | value | default | meaning | variable |', '|---|---|---|---|---|', ...lines].join('\n');
}

function rows(json: Json | undefined, prefix: string): readonly string[] {
  return Object.entries(json?.properties ?? {}).flatMap(([key, value]) => {
    const inner = value.properties === undefined ? value.anyOf?.find((form) => form.properties !== undefined) : value;
    const isNeeded = json?.required?.includes(key) === true && value.default === undefined;
    const shown = value.default === undefined ? (isNeeded ? 'required' : '') : `\`${JSON.stringify(value.default).replaceAll('"', '')}\``;
    const row = `| \`${prefix}${key}\` | ${cell(valueOf(value))} | ${shown} | ${cell(value.description ?? '')} |`;
    return [row, ...rows(inner, `${prefix}${key}.`)];
  });
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'number',
  number: 'number',
  boolean: 'true or false',
  object: 'keys',
  array: 'list',
};

function valueOf(json: Json): string {
  if (json.const !== undefined) return `\`${json.const}\``;
  if (json.enum !== undefined) return json.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (json.anyOf !== undefined) return json.anyOf.map((form) => valueOf(form)).join(', or ');
  if (json.examples?.includes('${env:NAME}') === true) return 'secret';
  if (json.type === 'array' && json.items?.type !== undefined)
    return `list of ${json.items.type === 'string' ? valueOf(json.items) : (typeWords[json.items.type] ?? '')}`;
  return typeWords[json.type ?? ''] ?? '';
}

function variables(): string {
  const known = planVariables(registries);
  const lines = known.map(
    ({ variable, sets, format, isSecret }) =>
      `| \`${variable}\`${isSecret ? ` or \`${variable}_FILE\`` : ''} | ${sets} | ${formatWords[format]} |`,
  );
  return ['| variable | sets | written as |', '|---|---|---|', ...lines].join('\n');
}

const formatWords: Readonly<Record<string, string>> = {
  text: 'text',
  number: 'whole number',
  flag: '`true` or `false` (also `yes`, `no`, `on`, `off`, `1`, `0`)',
  names: 'words separated by commas or spaces',
  paths: 'paths or patterns separated by colons',
};

const introduction = `# Configuration

Holdfast reads one YAML file, or the environment alone. The file is the one named by \`--config\`, else by
\`HOLDFAST_CONFIG\`, else \`./holdfast.yaml\`, \`./holdfast.yml\` or \`/etc/holdfast/holdfast.yaml\`, the first that exists.

    plans:
      home:
        sources:
          - { kind: postgres, url: "\${env:DATABASE_URL}" }
        stores:
          - { kind: local, path: ./backups, keep: { daily: 7, weekly: 4, monthly: 12 } }

- \`holdfast config check\` names every mistake at once, with file, line and key. An unknown key is a mistake.
- \`holdfast config show\` prints what holds in the end, each value with where it came from, secrets left out.
- \`holdfast config schema\` prints the JSON Schema (also in \`config.schema.json\` beside this page). Editors use it to
  complete and check while you write; in VS Code with the YAML extension the first line of the file is
  \`# yaml-language-server: $schema=<path or URL of config.schema.json>\`.
- Relative paths start at the directory of the file, \`~\` is the home directory. In the environment they start at the
  working directory.
- A plan's name is part of file names: it begins with a letter or digit and holds only \`a-z\`, \`0-9\`, \`_\` and \`-\`.
- A store without \`name\` is called \`<kind>:<place>\`. Two plans that name the same place share the store.

This page is made from the schemas that check the file; a test keeps it so.`;

const service = `## The service

\`service:\` at the top of the file, beside \`plans:\`, says how the service meets the world. Its variables hold with and
without a file, and win over the file: they belong to the program and not to a plan. \`HOLDFAST_OIDC_ROLES\` is a line such as
\`Backup.Admin=administrator, Staff=viewer\`.`;

const historyWords = `## The history

\`history:\` at the top of the file.`;

const channels = `## Channels

Entries of \`notify\`: each is told the events that it lists, by default the group \`problems\`. Without an entry nobody is told.`;

const secrets = `## Secrets

A secret does not stand in the file; a reference to it does:

| reference | is replaced by |
|---|---|
| \`\${env:NAME}\` | the environment variable, or the file that \`NAME_FILE\` names |
| \`\${file:/run/secrets/name}\` | the file's text without the newline at its end; a relative path starts at the directory of the configuration |
| \`\${credential:name}\` | the systemd credential (\`LoadCredential=name:/path\` in the unit) |

- References also work in other texts, in numbers and for true and false, and inside a longer text.
- In the user name or password of a URL (\`postgres://app:\${env:PW}@db/shop\`) the value is percent-encoded as it is put
  in, so write the password there as it is, whatever characters it has. A URL that comes whole from one reference is
  taken as it is.
- \`$\${\` stands for a literal \`\${\`.
- A reference that leads nowhere is the error \`SECRET_MISSING\`. Commands for a bad day (list, show, status, verify,
  restore) only warn, and fail where they need the secret. An age identity may be absent always: it is needed to verify
  in depth, drill and restore, and may be kept away from the machine.
- A secret that stands in the file, and a secret file that every user can read, earn a warning (mounts below
  \`/run/secrets\` excepted: the container runtime decides their mode).`;

const environment = `## The environment alone

Without a file these variables make one plan. They have no effect beside a file, except where it refers to them. Empty
variables count as unset. \`\${…}\` means nothing in a variable. A secret may come from a file: append \`_FILE\` to the
variable's name, also to \`PGPASSWORD\`. \`PGSERVICE\` names a service of libpq's \`pg_service.conf\`. A \`BACKUP_…\` or
\`HOLDFAST_…\` variable that nothing knows earns a warning.

The default compression is \`gzip\` here (\`zstd\` in a file), so that archives are the \`.sql.gz\` and \`.tar.gz\` that every
machine can open.`;
