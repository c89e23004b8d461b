import { quoteIdentifier } from '../server-error.ts';

/** A string constant that is right whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** Settings whose value is a list of names, kept with each name quoted where it must be. */
const listSettings: ReadonlySet<string> = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

/**
 * `SET name TO value` for a setting as the catalog keeps it (`name=value`). The value of a list of names is taken apart
 * first: quoted as one string it would become one name with commas in it.
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_dump/dumputils.c (makeAlterConfigCommand)
 */
export function setClause(setting: string): string {
  const equals = setting.indexOf('=');
  const name = setting.slice(0, equals);
  const value = setting.slice(equals + 1);
  const values = listSettings.has(name.toLowerCase()) ? splitNames(value) : [value];
  return `SET ${quoteIdentifier(name)} TO ${values.length === 0 ? "''" : values.map(quoteLiteral).join(', ')}`;
}

function splitNames(list: string): string[] {
  const names = list.match(/"(?:[^"]|"")*"|[^\s,"]+/g) ?? [];
  return names.map((name) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name));
}
