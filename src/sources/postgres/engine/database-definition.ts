import type { DumpDetails } from '../../../domain/manifest.ts';
import { quoteIdentifier } from '../server-error.ts';
import { quoteLiteral } from './quoting.ts';

export interface DatabaseDefinition {
  readonly name: string;
  readonly properties: DumpDetails['properties'];
  readonly serverMajor: number;
  readonly tablespace: string | null;
}

/** `CREATE DATABASE` so that the dump fits: template1 may hold things that the dump brings too, so it is not used. */
export function createDatabase({ name, properties, serverMajor, tablespace }: DatabaseDefinition): string {
  const options = [
    'TEMPLATE template0',
    ...option('ENCODING', properties['encoding']),
    ...option('LC_COLLATE', properties['collate']),
    ...option('LC_CTYPE', properties['ctype']),
    ...localeOptions(properties, serverMajor),
    ...(tablespace === null ? [] : [`TABLESPACE ${quoteIdentifier(tablespace)}`]),
  ];
  return `CREATE DATABASE ${quoteIdentifier(name)} ${options.join(' ')}`;
}

/** The same with byte order instead of the locale, for machines that have not got it. */
export function withoutLocale(properties: DumpDetails['properties']): DumpDetails['properties'] {
  return { encoding: properties['encoding'] ?? null, collate: 'C', ctype: 'C', localeProvider: 'libc' };
}

/** Providers other than the C library's came with 15 (ICU) and 17 (built in). */
function localeOptions(properties: DumpDetails['properties'], serverMajor: number): string[] {
  const provider = properties['localeProvider'] ?? 'libc';
  if (serverMajor < 15) return [];
  if (provider === 'libc') return ['LOCALE_PROVIDER libc'];
  const locale = provider === 'icu' ? option('ICU_LOCALE', properties['locale']) : option('BUILTIN_LOCALE', properties['locale']);
  return [
    `LOCALE_PROVIDER ${provider === 'icu' ? 'icu' : 'builtin'}`,
    ...locale,
    ...(serverMajor < 16 ? [] : option('ICU_RULES', properties['icuRules'])),
  ];
}

function option(keyword: string, value: string | null | undefined): string[] {
  return typeof value === 'string' ? [`${keyword} ${quoteLiteral(value)}`] : [];
}
