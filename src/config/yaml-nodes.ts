import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node, type YAMLError, type YAMLMap } from 'yaml';
import type { ConfigNode, KeyPath, MapEntry, MapNode, Origin, ScalarNode } from './config-node.ts';
import type { Findings } from './findings.ts';

/** Far more than any configuration needs; bounds what aliases of aliases can grow to. */
const maxNodes = 50_000;

/** Reads YAML into nodes that know their line. Undefined when it is not YAML; the findings say why, without quoting the text. */
export function readYaml(text: string, file: string, findings: Findings): ConfigNode | undefined {
  const lines = new LineCounter();
  // Pretty errors would quote lines of the file, which may hold a password.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const place = (offset: number): Origin => {
    const { line, col } = lines.linePos(offset);
    return { kind: 'file', file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  for (const error of [...document.errors, ...document.warnings]) findings.problem(place(error.pos[0]), [], inWords(error));
  if (document.errors.length > 0) return undefined;
  return new Reader(document, place, findings).node(document.contents, [], { kind: 'file', file, line: 1, column: 1 });
}

class Reader {
  readonly #document: Document;
  readonly #place: (offset: number) => Origin;
  readonly #findings: Findings;
  readonly #open = new Set<Node>();
  #count = 0;

  constructor(document: Document, place: (offset: number) => Origin, findings: Findings) {
    this.#document = document;
    this.#place = place;
    this.#findings = findings;
  }

  node(node: unknown, path: KeyPath, around: Origin): ConfigNode {
    const origin = this.#originOf(node, around);
    if (isAlias(node)) return this.#follow(node.resolve(this.#document), path, origin);
    this.#count++;
    if (this.#count === maxNodes) this.#findings.problem(origin, path, `is too large: more than ${maxNodes} values`);
    if (this.#count >= maxNodes) return nothing(origin);
    if (isMap(node)) return this.#map(node, path, origin);
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item, index) => this.node(item, [...path, index], origin)), origin };
    if (!isScalar(node)) return nothing(origin);
    return { kind: 'scalar', value: plainValue(node.value), origin, verbatim: false };
  }

  /** An alias stands for the value of its anchor, with the anchor's lines. */
  #follow(target: Node | undefined, path: KeyPath, origin: Origin): ConfigNode {
    if (target === undefined || this.#open.has(target)) {
      this.#findings.problem(origin, path, target === undefined ? 'this alias has no anchor before it' : 'this alias contains itself');
      return nothing(origin);
    }
    this.#open.add(target);
    const node = this.node(target, path, origin);
    this.#open.delete(target);
    return node;
  }

  #map(map: YAMLMap, path: KeyPath, origin: Origin): MapNode {
    const entries: MapEntry[] = [];
    this.#open.add(map);
    for (const { key, value } of map.items) {
      const keyOrigin = this.#originOf(key, origin);
      const name = isScalar(key) ? String(key.value) : undefined;
      if (name === undefined) {
        this.#findings.problem(keyOrigin, path, 'a key must be plain text');
      } else if (value === null) {
        // Not quoted: in `{ password: a,b }` it is half of a password.
        this.#findings.problem(keyOrigin, path, 'a key stands here without a colon; text that holds a comma must stand in quotes');
      } else if (entries.some((entry) => entry.key === name)) {
        this.#findings.problem(keyOrigin, [...path, name], `"${name}" stands twice`);
      } else {
        entries.push({ key: name, keyOrigin, value: this.node(value, [...path, name], keyOrigin) });
      }
    }
    this.#open.delete(map);
    return { kind: 'map', entries, origin };
  }

  #originOf(node: unknown, around: Origin): Origin {
    const range = (node as Partial<Node> | null)?.range;
    return range ? this.#place(range[0]) : around;
  }
}

function nothing(origin: Origin): ScalarNode {
  return { kind: 'scalar', value: null, origin, verbatim: false };
}

function plainValue(value: unknown): string | number | boolean | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** The parser's own messages may quote what they stumbled over. */
const words: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_DQ_ESCAPE: 'a backslash in "…" begins no known escape; use \'…\' for text with backslashes',
  BAD_INDENT: 'the indentation does not fit the lines around it',
  BAD_SCALAR_START: 'a text that begins with @ or ` must stand in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a text with a colon and a space in it must stand in quotes',
  BLOCK_IN_FLOW: 'a bracket is not closed before the next line begins',
  DUPLICATE_KEY: 'a key stands twice',
  MISSING_CHAR: 'a quote, bracket or separator is missing',
  MULTILINE_IMPLICIT_KEY: 'a colon is missing after the key',
  MULTIPLE_DOCS: 'a second document begins here; one file holds one configuration',
  TAB_AS_INDENT: 'a tab cannot indent YAML; use spaces',
  TAG_RESOLVE_FAILED: 'tags (a word beginning with !) are not supported; put text that begins with ! in quotes',
  UNEXPECTED_TOKEN: 'text stands where none can; a value with quotes inside must stand in quotes as a whole',
};

function inWords(error: YAMLError): string {
  return words[error.code] ?? `this is not valid YAML (${error.code})`;
}
