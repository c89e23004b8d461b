/**
 * What a kind says of a secret, without the pieces that it quotes of it: of `postgres://u:p/ss@h/d` the port would be "p".
 */
export function withoutQuotes(text: string, seen: ReadonlySet<string>): string {
  return text.replaceAll(/"([^"]+)"/gu, (quoted, inside: string) =>
    [...seen].some((secret) => secret.includes(inside)) ? '"[secret]"' : quoted,
  );
}

/**
 * The last net under everything that is shown: a text without any of the secrets seen, whatever a kind's schema or
 * description wrote into it. Very short ones would turn up in any word, and are left to the rules that came before.
 */
export function withoutSecrets(text: string, seen: ReadonlySet<string>): string {
  let clean = text;
  for (const secret of seen) if (secret.length >= 6) clean = clean.replaceAll(secret, '[secret]');
  return clean;
}
