export type ReferenceKind = 'env' | 'file' | 'credential';

export interface Reference {
  readonly kind: ReferenceKind;
  readonly name: string;
  /** As it stands in the text: `${env:NAME}`. */
  readonly written: string;
}

/** A text cut into what stands literally and what refers. */
export type Template = readonly (string | Reference)[];

const kinds: readonly string[] = ['env', 'file', 'credential'] satisfies ReferenceKind[];
const tokens = /\$\$\{|\$\{([^}]*)\}?/gu;

/** Reads `${kind:name}`; `$${` is a literal `${`. Null when a `${` begins no reference. */
export function parseTemplate(text: string): Template | null {
  const pieces: (string | Reference)[] = [];
  let end = 0;
  for (const match of text.matchAll(tokens)) {
    if (match.index > end) pieces.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const piece = match[1] === undefined ? '${' : parseReference(match[0], match[1]);
    if (piece === null) return null;
    pieces.push(piece);
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces;
}

function parseReference(written: string, inside: string): Reference | null {
  const colon = inside.indexOf(':');
  const kind = inside.slice(0, Math.max(colon, 0));
  const name = inside.slice(colon + 1).trim();
  if (!written.endsWith('}') || !kinds.includes(kind) || !isName(kind as ReferenceKind, name)) return null;
  return { kind: kind as ReferenceKind, name, written };
}

function isName(kind: ReferenceKind, name: string): boolean {
  if (kind === 'env') return /^[A-Za-z_][A-Za-z0-9_]*$/u.test(name);
  if (kind === 'credential') return /^[A-Za-z0-9._-]+$/u.test(name) && !name.startsWith('.');
  return name !== '' && !name.includes('\0');
}

/**
 * How many references, counted from the start, stand in the user name or password of a URL: their values are
 * percent-encoded when they are put in, so that a password may hold `@`, `:` or `/` as it is.
 */
export function referencesInUserInfo(pieces: Template): number {
  const skeleton = pieces.map((piece) => (typeof piece === 'string' ? piece : '\0')).join('');
  const userInfo = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/iu.exec(skeleton)?.[1] ?? '';
  return userInfo.split('\0').length - 1;
}
