import { HoldfastError } from '../domain/errors.ts';
import { manifestFormat, manifestVersion } from '../domain/manifest.ts';
import type { Manifest } from '../domain/manifest.ts';

/** The stored form: JSON, UTF-8, indented for people, with a final newline. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Reads a stored manifest. Throws `MANIFEST_INVALID`, naming `where` and the first field that is wrong: everything that
 * verify, restore and expire rely on is checked here, so that they need not.
 */
export function decodeManifest(bytes: Uint8Array, where: string): Manifest {
  const value = parse(bytes, where);
  const wrong = firstWrongField(value);
  if (wrong !== undefined) throw invalid(where, wrong);
  return value as Manifest;
}

function parse(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(where, 'it is not JSON', cause);
  }
}

function invalid(where: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('MANIFEST_INVALID', `Cannot read manifest "${where}": ${what}`, {
    hint: 'Restore the file from another copy of the store, or restore its parts by hand as docs/restore.md shows',
    cause,
  });
}

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === 'string' ? undefined : 'is not text');
const nullableText: Check = (value) => (value === null ? undefined : text(value));
const count: Check = (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'is not a whole number');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'is not true or false');
const digest: Check = (value) => (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? undefined : 'is not a SHA-256 digest');
const instant: Check = (value) => (typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? undefined : 'is not an instant');
const oneOf =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value) ? undefined : `is not one of ${allowed.join(', ')}`;
const listOf =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return 'is not a list';
    for (const [index, item] of value.entries()) {
      const wrong = check(item);
      if (wrong !== undefined) return `[${index}] ${wrong}`;
    }
    return undefined;
  };
const fields =
  (shape: Readonly<Record<string, Check>>): Check =>
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not an object';
    for (const [name, check] of Object.entries(shape)) {
      const wrong = check((value as Record<string, unknown>)[name]);
      if (wrong !== undefined) return `.${name} ${wrong}`;
    }
    return undefined;
  };

const tableCheck = fields({ schema: text, name: text, copy: text, rows: count, sizeBytes: count, sha256: digest });
const dumpCheck = fields({
  engine: text,
  scope: oneOf('database', 'globals'),
  database: text,
  serverVersion: text,
  tool: text,
  properties: fields({}),
  definitionsSha256: digest,
  tables: listOf(tableCheck),
  withoutRows: (value) => (value === undefined ? undefined : listOf(fields({ schema: text, name: text }))(value)),
  requires: fields({ roles: listOf(text), extensions: listOf(fields({ name: text, version: text })) }),
});
const unitCheck: Record<string, Check> = {
  dump: fields({ name: text, source: text, sourceName: text, part: text, sizeBytes: count, path: nullableText, dump: dumpCheck }),
  tree: fields({
    name: text,
    source: text,
    sourceName: text,
    part: text,
    sizeBytes: count,
    roots: listOf(fields({ archivePath: text, originalPath: text, kind: oneOf('directory', 'file') })),
    counts: fields({ files: count, directories: count, symlinks: count, hardlinks: count }),
    entries: count,
    listingSha256: digest,
  }),
};
const manifestCheck = fields({
  format: oneOf(manifestFormat),
  version: oneOf(manifestVersion),
  id: text,
  plan: text,
  sequence: count,
  createdAt: instant,
  finishedAt: instant,
  host: text,
  holdfast: text,
  description: nullableText,
  outcome: oneOf('succeeded', 'degraded'),
  layout: oneOf('separate', 'bundle'),
  compression: fields({ kind: oneOf('none', 'gzip', 'zstd'), level: count }),
  encryption: (value) => (value === null ? undefined : fields({ kind: oneOf('age'), recipients: listOf(text), passphrase: flag })(value)),
  parts: listOf(fields({ name: text, role: oneOf('archive', 'contents'), sizeBytes: count, sha256: digest })),
  units: listOf((unit) => {
    const content = (unit as { content?: unknown } | null)?.content;
    return (
      (typeof content === 'string' ? unitCheck[content] : undefined)?.(unit) ??
      (content === 'dump' || content === 'tree' ? undefined : '.content is unknown')
    );
  }),
  issues: listOf(fields({ unit: text, subject: text, problem: text, detail: text, severity: oneOf('loss', 'note') })),
  sealed: nullableText,
  restore: listOf(text),
});

function firstWrongField(value: unknown): string | undefined {
  const wrong = manifestCheck(value);
  if (wrong !== undefined) return `manifest${wrong}`;
  const { parts, units } = value as Manifest;
  const names = new Set(parts.map((part) => part.name));
  const stray = units.find((unit) => !names.has(unit.part));
  return stray === undefined ? undefined : `unit "${stray.name}" lies in part "${stray.part}", which is not listed`;
}
