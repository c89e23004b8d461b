import type { ConfigNode, MapEntry } from './config-node.ts';
import { settingNode, type Environment, type Setting } from './environment-value.ts';
import type { Findings } from './findings.ts';

/** A variable and the key that it sets. */
export interface KeySetting extends Setting {
  readonly path: readonly [string, ...string[]];
}

export interface Placed {
  readonly path: readonly string[];
  readonly node: ConfigNode;
}

/** Those of the settings that the environment gives, in their order. */
export function placedSettings(settings: readonly KeySetting[], environment: Environment, findings: Findings): readonly Placed[] {
  return settings.flatMap((setting) => {
    const node = settingNode(setting, environment, findings);
    return node === undefined ? [] : [{ path: setting.path, node }];
  });
}

export function entry(key: string, value: ConfigNode): MapEntry {
  return { key, keyOrigin: value.origin, value };
}

/** What was placed, as keys with values, nested where a path has several steps. */
export function nested(placed: readonly Placed[]): readonly MapEntry[] {
  const keys = [...new Set(placed.map(({ path }) => path[0] ?? ''))];
  return keys.map((key) => {
    const here = placed.filter(({ path }) => path[0] === key);
    const leaf = here.find(({ path }) => path.length === 1);
    if (leaf !== undefined) return entry(key, leaf.node);
    const entries = nested(here.map(({ path, node }) => ({ path: path.slice(1), node })));
    return entry(key, { kind: 'map', entries, origin: entries[0]?.keyOrigin ?? { kind: 'default' } });
  });
}
