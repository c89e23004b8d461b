/** Where a value was written. */
export type Origin =
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'default' };

/** Configuration as it was written, every piece with its origin: from a file or from the environment. */
export type ConfigNode = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly origin: Origin;
  /** True for a text in which `${…}` means nothing: the value of a variable. */
  readonly verbatim: boolean;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
  readonly origin: Origin;
}

export interface MapNode {
  readonly kind: 'map';
  /** In the order written; keys are unique. */
  readonly entries: readonly MapEntry[];
  readonly origin: Origin;
}

export interface MapEntry {
  readonly key: string;
  readonly keyOrigin: Origin;
  readonly value: ConfigNode;
}

export type KeyPath = readonly (string | number)[];

/** `plans.home.stores[0].path` */
export function formatKeyPath(path: KeyPath): string {
  return path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`;
      const shown = /^[\w-]+$/u.test(key) ? key : JSON.stringify(key);
      return index === 0 ? shown : `.${shown}`;
    })
    .join('');
}

/** `holdfast.yaml:4`, `env:BACKUP_DIR`, `default` */
export function formatOrigin(origin: Origin): string {
  if (origin.kind === 'file') return `${origin.file}:${origin.line}`;
  return origin.kind === 'environment' ? `env:${origin.variable}` : 'default';
}

export function entryOf(node: ConfigNode | undefined, key: string): MapEntry | undefined {
  return node?.kind === 'map' ? node.entries.find((entry) => entry.key === key) : undefined;
}

/** The node at a path below `node`; undefined when nothing was written there. */
export function nodeAt(node: ConfigNode, path: KeyPath): ConfigNode | undefined {
  let found: ConfigNode | undefined = node;
  for (const key of path) {
    found = typeof key === 'number' ? (found?.kind === 'list' ? found.items[key] : undefined) : entryOf(found, key)?.value;
  }
  return found;
}

/** Where the value at a path was written or, when it was not, the nearest thing around it. */
export function originAt(node: ConfigNode, path: KeyPath): Origin {
  for (let length = path.length; length > 0; length--) {
    const found = nodeAt(node, path.slice(0, length));
    if (found !== undefined) return found.origin;
  }
  return node.origin;
}
