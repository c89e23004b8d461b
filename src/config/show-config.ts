import type { LoadedConfig } from './load-config.ts';
import type { Shown, ShownValue } from './shown.ts';

interface Line {
  readonly text: string;
  readonly source: string | null;
}

/** The effective plans and settings, each value followed by where it came from. Secrets are not in it. */
export function showConfig(config: LoadedConfig): string {
  const lines = [...linesOf(config.shown, '')];
  const width = Math.min(60, Math.max(0, ...lines.filter(({ source }) => source !== null).map(({ text }) => text.length)));
  const heading = `# ${config.file ?? 'from the environment alone: no configuration file'}`;
  return [heading, ...lines.map(({ text, source }) => (source === null ? text : `${text.padEnd(width)}  # ${source}`)), ''].join('\n');
}

function* linesOf(shown: Shown, indent: string): Generator<Line> {
  if (shown.kind === 'map') {
    for (const [key, inner] of shown.entries) yield* entryLines(`${indent}${yamlText(key)}:`, inner, indent);
  } else if (shown.kind === 'list') {
    for (const item of shown.items) yield* itemLines(item, indent);
  }
}

function* entryLines(head: string, inner: Shown, indent: string): Generator<Line> {
  if (inner.kind === 'value') {
    yield { text: `${head} ${yamlValue(inner)}`, source: inner.source };
    return;
  }
  const isEmpty = (inner.kind === 'list' ? inner.items : inner.entries).length === 0;
  yield { text: isEmpty ? `${head} ${inner.kind === 'list' ? '[]' : '{}'}` : head, source: null };
  yield* linesOf(inner, `${indent}  `);
}

/** The first line of an item takes the dash in place of its last two blanks. */
function* itemLines(item: Shown, indent: string): Generator<Line> {
  if (item.kind === 'value') {
    yield { text: `${indent}- ${yamlValue(item)}`, source: item.source };
    return;
  }
  let isFirst = true;
  for (const line of linesOf(item, `${indent}  `)) {
    yield isFirst ? { ...line, text: `${indent}- ${line.text.slice(indent.length + 2)}` } : line;
    isFirst = false;
  }
}

function yamlValue({ value }: ShownValue): string {
  return typeof value === 'string' ? yamlText(value) : String(value);
}

/** Plain where YAML would read it back as the same text; else in double quotes. */
function yamlText(text: string): string {
  if (/\[(?:secret from|from) [^\]]*\]$|^\[missing\]$/u.test(text)) return text;
  const isPlain = /^[A-Za-z0-9_./~][^\n\r\t"'#{}[\],&*!|>%@`]*$/u.test(text) && !/:\s|\s$|:$/u.test(text);
  const isOther = /^(?:true|false|null|~|[-+.]?\d[\d._eExXoO+-]*)$/iu.test(text);
  return isPlain && !isOther ? text : JSON.stringify(text);
}

/** The same for `--json`: values, and the origin of each by its key. */
export function configToJson(config: LoadedConfig): {
  readonly file: string | null;
  readonly plans: unknown;
  readonly service: unknown;
  readonly history: unknown;
  readonly origins: Readonly<Record<string, string>>;
} {
  const origins: Record<string, string> = {};
  const { plans = {}, service = {}, history = {} } = plain(config.shown, '', origins) as Readonly<Record<string, unknown>>;
  return { file: config.file, plans, service, history, origins };
}

function plain(shown: Shown, path: string, origins: Record<string, string>): unknown {
  if (shown.kind === 'value') {
    origins[path] = shown.source;
    return shown.value;
  }
  if (shown.kind === 'list') return shown.items.map((item, index) => plain(item, `${path}[${index}]`, origins));
  return Object.fromEntries(shown.entries.map(([key, inner]) => [key, plain(inner, path === '' ? key : `${path}.${key}`, origins)]));
}
