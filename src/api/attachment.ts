/**
 * The `Content-Disposition` of a download, whatever its name holds: programs that know nothing better take the first form, with
 * `_` for what it cannot tell.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6266#section-5
 */
export function attachment(name: string): string {
  const plain = name.replaceAll(/[^ -~]|["\\%]/gu, '_');
  const first = `attachment; filename="${plain}"`;
  return plain === name ? first : `${first}; filename*=UTF-8''${encoded(name)}`;
}

/** @see https://www.rfc-editor.org/rfc/rfc8187#section-3.2.1 */
function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll(/['()*]/gu, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
