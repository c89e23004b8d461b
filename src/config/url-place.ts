const form =
  /^([a-z]+)(?:\+[a-z0-9]+)?:\/\/(?:[^@/?#]*@)?((?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)?(?:\/([^@:?#/\s]*))?(?:\?[^@#]*)?$/iu;

/** Schemes whose path names a database. Elsewhere a path may be the secret itself, as in the URL of a webhook. */
const databaseSchemes: ReadonlySet<string> = new Set(['postgres', 'postgresql', 'mysql', 'mariadb', 'mongodb']);
const otherSchemes: ReadonlySet<string> = new Set(['http', 'https', 's3', 'sftp', 'ssh', 'smtp', 'smtps']);

/**
 * Scheme, host, port and database of a URL: what can be shown of one that holds a password. Null for everything that is
 * not plainly a URL: of `postgres://u:p/ss@host/db` a parser takes half of the password for the path.
 */
export function urlPlace(text: string): string | null {
  const [, scheme = '', host = '', path] = form.exec(text) ?? [];
  if (databaseSchemes.has(scheme)) return `${scheme}://${host}${path === undefined ? '' : `/${path}`}`;
  return otherSchemes.has(scheme) ? `${scheme}://${host}` : null;
}

/** True when a text is a URL, or begins like one, that carries a password. */
export function holdsPassword(text: string): boolean {
  if (/^[a-z][a-z0-9+.-]*:\/\/[^@/?#]*:[^@]+@/iu.test(text)) return true;
  return /[?&](?:password|sslpassword|token|secret)=./iu.test(text);
}
