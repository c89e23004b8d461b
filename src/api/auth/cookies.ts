/** Where a browser is, as far as its cookies go. */
export interface CookieScope {
  readonly origin: string;
  readonly base: string;
}

/** The `Set-Cookie` for the pages of the service; no value and no age takes the cookie away. */
export function setCookie(
  name: string,
  { value, scope, maxAgeSeconds }: { readonly value: string; readonly scope: CookieScope; readonly maxAgeSeconds: number },
): string {
  const secure = isSecure(scope) ? '; Secure' : '';
  return `${sentName(name, scope)}=${value}; HttpOnly; SameSite=Lax; Path=${scope.base}/; Max-Age=${maxAgeSeconds}${secure}`;
}

/** What the browser sent of a cookie that `setCookie` set there; undefined for none. */
export function cookieOf(name: string, asked: CookieScope & { readonly header: (name: string) => string | undefined }): string | undefined {
  const start = `${sentName(name, asked)}=`;
  const pairs = (asked.header('cookie') ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(start))?.slice(start.length);
}

/**
 * Browsers take a name with one of these prefixes over https alone, and `__Host-` from that very host alone: no page of a
 * neighbouring host can slip its own cookie in. It needs the whole host for itself; below a path there is `__Secure-`.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-httpbis-rfc6265bis-20.html#section-4.1.3
 */
function sentName(name: string, scope: CookieScope): string {
  if (!isSecure(scope)) return name;
  return scope.base === '' ? `__Host-${name}` : `__Secure-${name}`;
}

function isSecure({ origin }: CookieScope): boolean {
  return origin.startsWith('https:');
}
