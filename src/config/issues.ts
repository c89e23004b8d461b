import type { z } from 'zod';
import { entryOf, formatKeyPath, nodeAt, originAt, type ConfigNode, type KeyPath } from './config-node.ts';
import type { Materializing } from './materialize.ts';
import { suggestion } from '../domain/nearest.ts';
import { withoutQuotes } from './redaction.ts';
import { keysAt, roleAt } from './schema-walk.ts';

type Issue = z.core.$ZodIssue;

/** The part of the configuration that a schema was applied to. */
export interface Checked {
  readonly node: ConfigNode;
  readonly path: KeyPath;
  readonly schema: z.ZodType;
  /** Keys that are allowed beside those of the schema: for suggestions. */
  readonly otherKeys?: readonly string[];
}

export type Reporting = Pick<Materializing, 'findings' | 'settled' | 'hidden' | 'seen'>;

/** Tells what a schema refused, in plain words, where it was written. */
export function reportIssues(issues: readonly Issue[], checked: Checked, context: Reporting): void {
  for (const issue of issues) {
    const path = plainPath(issue.path);
    const wholePath = [...checked.path, ...path];
    if (isWithin(wholePath, context.settled)) continue;
    if (issue.code === 'unrecognized_keys') reportUnknownKeys(issue.keys, path, checked, context);
    else if (issue.code === 'invalid_union') reportUnion(issue, path, checked, context);
    else context.findings.problem(originAt(checked.node, path), wholePath, shownMessage(issue, path, checked, context));
  }
}

/** A kind's own message may quote the value. */
function shownMessage(issue: Issue, path: KeyPath, checked: Checked, { hidden, seen }: Reporting): string {
  if (isWithin([...checked.path, ...path], hidden)) return 'does not accept what the reference leads to';
  const text = message(issue, nodeAt(checked.node, path));
  return roleAt(checked.schema, path) === 'secret' ? withoutQuotes(text, seen) : text;
}

function isWithin(path: KeyPath, paths: ReadonlySet<string>): boolean {
  return path.some((_, index) => paths.has(formatKeyPath(path.slice(0, index + 1))));
}

function plainPath(path: readonly PropertyKey[]): KeyPath {
  return path.map((key) => (typeof key === 'symbol' ? String(key) : key));
}

/** Reports keys that nothing knows, at the key itself. */
export function reportUnknownKeys(keys: readonly string[], path: KeyPath, checked: Checked, { findings }: Reporting): void {
  const parent = nodeAt(checked.node, path);
  const known = [...keysAt(checked.schema, path), ...(path.length === 0 ? (checked.otherKeys ?? []) : [])];
  for (const key of keys) {
    const origin = entryOf(parent, key)?.keyOrigin ?? originAt(checked.node, path);
    findings.problem(origin, [...checked.path, ...path, key], `unknown key ${JSON.stringify(key)}${suggestion(key, known)}`);
  }
}

type UnionIssue = z.core.$ZodIssueInvalidUnion;

/** A union was meant one way: the way whose shape fits is the one whose problems are told. */
function reportUnion(issue: UnionIssue, path: KeyPath, checked: Checked, context: Reporting): void {
  const inner = issue.errors.filter((errors) => !errors.some(({ path: below, code }) => below.length === 0 && mismatches.has(code)));
  const [meant] = inner;
  if (meant !== undefined && inner.length === 1) {
    reportIssues(
      meant.map((each) => ({ ...each, path: [...issue.path, ...each.path] })),
      checked,
      context,
    );
    return;
  }
  const node = nodeAt(checked.node, path);
  const options = issue.errors.flatMap((errors) => errors.filter((each) => each.path.length === 0).flatMap((each) => expectations(each)));
  context.findings.problem(
    originAt(checked.node, path),
    [...checked.path, ...path],
    node === undefined ? 'is missing' : mustBe(options, node),
  );
}

const mismatches: ReadonlySet<string> = new Set(['invalid_type', 'invalid_value']);

function message(issue: Issue, node: ConfigNode | undefined): string {
  if (issue.code !== 'custom' && node === undefined) return 'is missing';
  if (node?.kind === 'scalar' && node.value === null) return 'has no value; give it one, or remove the key';
  if ((issue.code === 'invalid_type' || issue.code === 'invalid_value') && node !== undefined) return mustBe(expectations(issue), node);
  if (!isStock(issue.message)) return issue.message;
  if (issue.code === 'too_small')
    return issue.minimum === 1 && issue.origin !== 'number' && issue.origin !== 'int'
      ? 'must not be empty'
      : `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  return 'has the wrong form';
}

/** Messages that zod makes up itself speak of inputs and types. */
function isStock(text: string): boolean {
  return /^(?:Invalid|Too small|Too big|Unrecognized)\b/u.test(text);
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
};

function expectations(issue: Issue): readonly string[] {
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value));
  if (issue.code === 'invalid_type') return [typeWords[issue.expected] ?? issue.expected];
  return [issue.message.replace(/^must be /u, '')];
}

/** `"a", "b" or "c"` */
function either(options: readonly string[]): string {
  const last = options.at(-1) ?? '';
  return options.length < 2 ? last : `${options.slice(0, -1).join(', ')} or ${last}`;
}

function mustBe(options: readonly string[], node: ConfigNode): string {
  if (node.kind === 'scalar' && node.value === null) return 'has no value; give it one, or remove the key';
  const wanted = [...new Set(options)];
  const words = wanted.filter((option) => option.startsWith('"')).map((option) => option.slice(1, -1));
  // A text that stands where one of some words must is shown; any other text could be a secret in the wrong place.
  if (node.kind === 'scalar' && typeof node.value === 'string' && words.length > 0) {
    const near = suggestion(node.value, words).replace(/^; known:.*$/u, '');
    return `must be ${either(wanted)}, not ${node.verbatim || !node.value.includes('${') ? JSON.stringify(node.value) : 'this reference'}${near}`;
  }
  const quote = wanted.includes('text') && node.kind === 'scalar' ? '; put it in quotes' : '';
  return `must be ${either(wanted)}, not ${given(node)}${quote}`;
}

function given(node: ConfigNode): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'keys with values';
  if (typeof node.value === 'string') return 'text';
  return typeof node.value === 'boolean' ? 'true or false' : 'a number';
}
