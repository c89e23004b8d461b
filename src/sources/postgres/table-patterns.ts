import type { Issue } from '../../domain/manifest.ts';
import type { CatalogRelation } from './catalog.ts';
import { quoteIdentifier } from './server-error.ts';

type TableName = Pick<CatalogRelation, 'schema' | 'name'>;

/** A pattern as `pg_dump --exclude-table-data` takes it. */
interface TablePattern {
  readonly text: string;
  matches(table: TableName): boolean;
}

/**
 * Reads `schema.table`: `*` and `?` stand for any letters and one, double quotes make what is in them stand for itself, what
 * is outside them is folded to lower case and may hold regular expressions. Without a schema it is `public`. Null when it is
 * no pattern.
 * @see https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-PATTERNS
 */
export function parsePattern(text: string): TablePattern | null {
  const parts = expressions(text);
  if (parts === null || parts.length > 2) return null;
  const [schema = '', name = ''] = parts.length === 1 ? ['public', ...parts] : parts;
  try {
    const [ofSchema, ofName] = [whole(schema), whole(name)];
    return { text, matches: (table) => ofSchema.test(table.schema) && ofName.test(table.name) };
  } catch {
    return null;
  }
}

function whole(expression: string): RegExp {
  return new RegExp(`^(?:${expression})$`, 's');
}

/** The parts between dots as regular expressions; null when a quote is not closed or a part is empty. */
function expressions(text: string): string[] | null {
  const parts = [''];
  for (const [token, quoted] of text.matchAll(/"((?:[^"]|"")*)"|\[\]|./gs)) {
    if (token === '"') return null;
    if (token === '.') parts.push('');
    else parts[parts.length - 1] += quoted === undefined ? unquoted(token) : literal(quoted.replaceAll('""', '"'));
  }
  return parts.includes('') ? null : parts;
}

function unquoted(token: string): string {
  if (token === '$' || token === '[]') return literal(token);
  if (token === '*') return '.*';
  return token === '?' ? '.' : token.replace(/[A-Z]/, (letter) => letter.toLowerCase());
}

function literal(text: string): string {
  return text.replaceAll(/[|*+?()[\]{}.^$\\]/g, String.raw`\$&`);
}

/** Tables whose rows stay out of a dump, and what the manifest says of that. */
export interface Exclusion {
  readonly tables: readonly CatalogRelation[];
  readonly issues: readonly Omit<Issue, 'unit'>[];
}

export function excludedTables(texts: readonly string[], relations: readonly CatalogRelation[]): Exclusion {
  const patterns = texts.flatMap((text) => parsePattern(text) ?? []);
  const tables = relations.filter((relation) => relation.kind === 'r' && patterns.some((pattern) => pattern.matches(relation)));
  const unused = patterns.filter((pattern) => !tables.some((table) => pattern.matches(table)));
  const issues = [
    ...tables.map(({ quoted }) => ({ subject: quoted, problem: 'skipped', detail: withoutRows, severity: 'note' }) as const),
    ...unused.map(({ text }) => ({ subject: text, problem: 'vanished', detail: fitsNone, severity: 'note' }) as const),
  ];
  return { tables, issues };
}

const withoutRows = 'its rows are left out, as excludeTableData says; a restore makes it empty';
const fitsNone = 'this pattern of excludeTableData fits no table; of a partitioned table the partitions must be named';

/** The argument that keeps pg_dump from reading the rows of this table alone: in double quotes every character stands for itself. */
export function excludingArgument({ schema, name }: TableName): string {
  return `--exclude-table-data=${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}
