import type { EnvironmentSetting } from '../ports/descriptor.ts';
import type { ConfigNode, Origin } from './config-node.ts';
import type { Findings } from './findings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting {
  readonly variable: string;
  readonly format: EnvironmentSetting['format'];
  readonly isSecret: boolean;
}

/** A variable's value; undefined when it is unset or empty, as Compose passes those that nobody filled in. */
export function given(environment: Environment, variable: string): string | undefined {
  const value = environment[variable];
  return value === undefined || value.trim() === '' ? undefined : value;
}

/** What a variable that is a flag says; undefined when it is unset, or says neither yes nor no. */
export function givenFlag(environment: Environment, variable: string): boolean | undefined {
  return flagOf(given(environment, variable) ?? '');
}

/** What a variable, or its `_FILE` twin where there is one, says; undefined when neither is set. */
export function settingNode({ variable, format, isSecret }: Setting, environment: Environment, findings: Findings): ConfigNode | undefined {
  const value = given(environment, variable);
  const twin = `${variable}_FILE`;
  const file = isSecret ? given(environment, twin) : undefined;
  if (value !== undefined && file !== undefined) findings.problem(origin(twin), [], `is set beside ${variable}; set one of the two`);
  if (value !== undefined) return readers[format](value, origin(variable));
  return file === undefined ? undefined : { kind: 'scalar', value: `\${file:${file}}`, origin: origin(twin), verbatim: false };
}

function origin(variable: string): Origin {
  return { kind: 'environment', variable };
}

type Reader = (value: string, origin: Origin) => ConfigNode;

const readers: Readonly<Record<EnvironmentSetting['format'], Reader>> = {
  text: scalar,
  number: (value, from) => scalar(/^\s*-?\d+\s*$/u.test(value) ? Number(value) : value, from),
  flag: (value, from) => scalar(flagOf(value) ?? value, from),
  names: (value, from) => (value.trim() === 'all' ? scalar('all', from) : list(value.split(/[\s,]+/u), from)),
  paths: (value, from) => list(value.split(':'), from),
};

const flags: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'no', 'off', '0'].map((word) => [word, false] as const),
]);

function flagOf(value: string): boolean | undefined {
  return flags.get(value.trim().toLowerCase());
}

function scalar(value: string | number | boolean, from: Origin): ConfigNode {
  return { kind: 'scalar', value: typeof value === 'string' ? value.trim() : value, origin: from, verbatim: true };
}

function list(values: readonly string[], from: Origin): ConfigNode {
  return { kind: 'list', items: values.filter((each) => each.trim() !== '').map((each) => scalar(each, from)), origin: from };
}
