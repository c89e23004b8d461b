import { resolve } from 'node:path';
import type { z } from 'zod';
import { HoldfastError } from '../domain/errors.ts';
import { Secret } from '../domain/secret.ts';
import type { FieldRole } from '../ports/config-fields.ts';
import type { References, ResolvedText } from '../ports/references.ts';
import { formatKeyPath, formatOrigin, type ConfigNode, type KeyPath, type ListNode, type MapNode, type ScalarNode } from './config-node.ts';
import { formatFinding, type Findings } from './findings.ts';
import { mayBeAway, roleAt, typesAt } from './schema-walk.ts';
import type { Shown, ShownValue } from './shown.ts';
import { holdsPassword, urlPlace } from './url-place.ts';

export interface Materializing {
  readonly references: References;
  readonly findings: Findings;
  /** Relative paths and referred files start here. */
  readonly directory: string;
  readonly home: string;
  /** `defer`: a secret that cannot be had is a warning, and an error only when it is revealed. */
  readonly missingSecrets: 'refuse' | 'defer';
  /** Paths below which everything was said already. */
  readonly settled: Set<string>;
  /** Paths whose values are no secrets to the schema, and yet not for showing. */
  readonly hidden: Set<string>;
  /** Secrets that could not be had. */
  readonly unresolved: Set<Secret>;
  /** Variables that some reference names. */
  readonly usedVariables: Set<string>;
  /** Every secret value seen, so that no message repeats one. */
  readonly seen: Set<string>;
}

/** A node's plain value with references, paths and secrets resolved, and the same as it may be shown. */
export interface Materialized {
  readonly value: unknown;
  readonly shown: Shown;
}

/** `schema` describes the whole that `below` leads into: it tells which texts are secrets and which are paths. */
export async function materialize(
  node: ConfigNode,
  at: { readonly path: KeyPath; readonly below: KeyPath; readonly schema: z.ZodType },
  context: Materializing,
): Promise<Materialized> {
  if (node.kind === 'map') return await materializeMap(node, at, context);
  if (node.kind === 'list') return await materializeList(node, at, context);
  if (typeof node.value !== 'string') return { value: node.value, shown: value(node.value, formatOrigin(node.origin)) };
  const { path, below, schema } = at;
  const place = { path, role: roleAt(schema, below), types: typesAt(schema, below), mayBeAway: mayBeAway(schema, below) };
  return await materializeText(node, node.value, place, context);
}

type At = Parameters<typeof materialize>[1];

function inside(at: At, key: string | number): At {
  return { path: [...at.path, key], below: [...at.below, key], schema: at.schema };
}

async function materializeMap(node: MapNode, at: At, context: Materializing): Promise<Materialized> {
  // Without a prototype a key named `__proto__` is a key like any other, and refused as unknown.
  const values = Object.create(null) as Record<string, unknown>;
  const entries: [string, Shown][] = [];
  for (const entry of node.entries) {
    const done = await materialize(entry.value, inside(at, entry.key), context);
    values[entry.key] = done.value;
    entries.push([entry.key, done.shown]);
  }
  return { value: values, shown: { kind: 'map', entries } };
}

async function materializeList(node: ListNode, at: At, context: Materializing): Promise<Materialized> {
  const items: Materialized[] = [];
  for (const [index, item] of node.items.entries()) items.push(await materialize(item, inside(at, index), context));
  return { value: items.map((item) => item.value), shown: { kind: 'list', items: items.map((item) => item.shown) } };
}

interface TextPlace {
  readonly path: KeyPath;
  readonly role: FieldRole | undefined;
  readonly types: ReadonlySet<string>;
  /** The configuration is valid without it. */
  readonly mayBeAway: boolean;
}

async function materializeText(node: ScalarNode, text: string, at: TextPlace, context: Materializing): Promise<Materialized> {
  const resolved = node.verbatim ? literal(text) : await context.references.resolve(text, context.directory);
  for (const origin of resolved.origins) if (origin.startsWith('env:')) context.usedVariables.add(origin.slice('env:'.length));
  for (const remark of resolved.remarks) context.findings.warning(node.origin, at.path, remark);
  if (at.role === 'secret') return materializeSecret(node, resolved, at, context);
  if (resolved.text === null) {
    context.findings.problem(
      node.origin,
      at.path,
      resolved.problem ?? '',
      resolved.kind === 'missing' ? 'SECRET_MISSING' : 'CONFIG_INVALID',
    );
    context.settled.add(formatKeyPath(at.path));
    return { value: text, shown: value('[missing]', source(node, resolved)) };
  }
  const plain = at.role === 'path' && resolved.text !== '' ? absolute(resolved.text, context) : resolved.text;
  const shown = shownText(node, resolved, plain, at.path, context);
  return { value: resolved.origins.length > 0 ? typed(plain, at.types) : plain, shown };
}

/** What a reference leads to is text; where a number or true or false must stand, it is read as such. */
function typed(text: string, types: ReadonlySet<string>): unknown {
  if (types.has('string') || types.has('enum') || types.has('literal')) return text;
  if (types.has('number') && /^-?\d+(?:\.\d+)?$/u.test(text)) return Number(text);
  return types.has('boolean') && (text === 'true' || text === 'false') ? text === 'true' : text;
}

function literal(text: string): ResolvedText {
  return { text, origins: [], problem: null, kind: 'resolved', remarks: [] };
}

function absolute(path: string, { directory, home }: Materializing): string {
  return resolve(directory, path.replace(/^~(?=\/|$)/u, home));
}

function materializeSecret(node: ScalarNode, resolved: ResolvedText, at: TextPlace, context: Materializing): Materialized {
  const origin = resolved.origins.join(', ') || (node.origin.kind === 'file' ? 'literal' : formatOrigin(node.origin));
  const from = `[secret from ${origin === 'literal' ? formatOrigin(node.origin) : origin}]`;
  if (resolved.text === null) {
    const secret = new Secret(reportUnresolved(node, resolved, at, context), origin);
    context.unresolved.add(secret);
    return { value: secret, shown: value(from, source(node, resolved)) };
  }
  context.seen.add(resolved.text);
  if (origin === 'literal' && (!resolved.text.includes('://') || holdsPassword(resolved.text))) warnOfLiteral(node, at.path, context);
  const place = urlPlace(resolved.text);
  return {
    value: new Secret(resolved.text, origin),
    shown: value(place === null ? from : `${place} ${from}`, source(node, resolved)),
  };
}

/** Tells that a secret cannot be had, as loudly as its lack matters now; answers with the error for whoever needs it later. */
function reportUnresolved(
  node: ScalarNode,
  resolved: ResolvedText,
  at: TextPlace,
  { findings, settled, missingSecrets }: Materializing,
): HoldfastError {
  const problem = resolved.problem ?? 'cannot be read';
  const key = formatKeyPath(at.path);
  settled.add(key);
  if (resolved.kind === 'malformed') findings.problem(node.origin, at.path, problem);
  else if (at.mayBeAway) findings.warning(node.origin, at.path, `${problem}; it is needed to verify in depth, drill and restore`);
  else if (missingSecrets === 'defer') findings.warning(node.origin, at.path, problem);
  else findings.problem(node.origin, at.path, problem, 'SECRET_MISSING');
  const place = formatFinding({ origin: node.origin, key, message: problem, code: 'SECRET_MISSING' });
  return new HoldfastError('SECRET_MISSING', `Cannot find a secret: ${place}`, {
    hint: 'Provide the variable or file named, then run the command again',
  });
}

function warnOfLiteral(node: ScalarNode, path: KeyPath, { findings }: Materializing): void {
  const key = path.filter((step) => typeof step === 'string').at(-1) ?? 'secret';
  const variable = key.replaceAll(/[A-Z]/gu, (letter) => `_${letter}`).toUpperCase();
  findings.warning(
    node.origin,
    path,
    `a secret stands in the file; write \${env:${variable}} or \${file:/path} in its place, and move the value there`,
  );
}

/** Names that say their value is not for showing. */
const secretName = /pass|secret|token|credential|private|api_?key/iu;

function shownText(node: ScalarNode, resolved: ResolvedText, plain: string, path: KeyPath, context: Materializing): ShownValue {
  const where = source(node, resolved);
  const hidden = resolved.origins.filter((origin) => !origin.startsWith('env:') || secretName.test(origin));
  if (hidden.length > 0) {
    context.hidden.add(formatKeyPath(path));
    context.seen.add(plain);
    return value(`[from ${hidden.join(', ')}]`, where);
  }
  if (!holdsPassword(plain)) return value(plain, where);
  context.hidden.add(formatKeyPath(path));
  context.seen.add(plain);
  if (node.origin.kind === 'file' && resolved.origins.length === 0) warnOfLiteral(node, path, context);
  return value(`${urlPlace(plain) ?? ''} [secret from ${resolved.origins.join(', ') || formatOrigin(node.origin)}]`.trim(), where);
}

function source(node: ScalarNode, resolved: ResolvedText): string {
  return [formatOrigin(node.origin), ...resolved.origins].join(', ');
}

function value(text: ShownValue['value'], from: string): ShownValue {
  return { kind: 'value', value: text, source: from };
}
