import { HoldfastError } from '../../domain/errors.ts';

/** What `COPY schema.table (columns) FROM stdin;` names. */
export interface CopyStatement {
  readonly schema: string;
  readonly name: string;
  /** The text between `COPY` and `FROM`, quoted as the dump quotes it. */
  readonly copy: string;
}

/** Reads a COPY statement as pg_dump writes it, in the dump's own encoding (a PostgreSQL encoding name). */
export function parseCopyStatement(statement: Uint8Array, encoding: string): CopyStatement {
  const text = new TextDecoder(textDecoderLabel(encoding)).decode(statement);
  const match = /^COPY ((?:"(?:[^"]|"")*"|[^".\s])+)\.((?:"(?:[^"]|"")*"|[^".\s])+) (.*) ?FROM stdin;$/s.exec(text);
  if (match === null) throw unreadable(text);
  const [, schema = '', name = '', columns = ''] = match;
  return { schema: unquote(schema), name: unquote(name), copy: `${schema}.${name} ${columns}`.trim() };
}

/** Undoes `quote_ident`. */
export function unquote(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}

/** The label under which the platform knows a PostgreSQL server encoding; names in SQL_ASCII are read as UTF-8. */
function textDecoderLabel(encoding: string): string {
  const label = labels[encoding];
  if (label !== undefined) return label;
  const windows = /^WIN(\d+)$/.exec(encoding)?.[1];
  if (windows !== undefined) return windows === '866' ? 'ibm866' : windows === '874' ? 'windows-874' : `windows-${windows}`;
  return encoding.startsWith('ISO_8859_') ? encoding.toLowerCase().replaceAll('_', '-') : 'latin1';
}

const labels: Readonly<Record<string, string>> = {
  UTF8: 'utf-8',
  SQL_ASCII: 'utf-8',
  LATIN1: 'latin1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'iso-8859-9',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  EUC_CN: 'gbk',
};

function unreadable(text: string): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `Cannot read the table name in "${text.slice(0, 200)}"`, {
    hint: 'Check that the dump was made by pg_dump and is not damaged',
  });
}
