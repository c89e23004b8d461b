/**
 * Finds the values that a text refers to: `${env:NAME}`, `${file:/run/secrets/name}`, `${credential:name}` (a systemd
 * credential). A reference may stand inside a longer text. `$${` stands for a literal `${`.
 */
export interface References {
  /** Relative files start at `directory`. Never throws for what the text says: the answer tells what is wrong with it. */
  resolve(text: string, directory: string): Promise<ResolvedText>;
}

export interface ResolvedText {
  /** The text with every value in its place; null when one of them cannot be had, or the text is malformed. */
  readonly text: string | null;
  /** Every reference in the text as `env:NAME`, `file:/path`, `credential:name`; empty for a literal. Safe to show. */
  readonly origins: readonly string[];
  /** What is wrong, in words that quote the reference but never a value; null when nothing is. */
  readonly problem: string | null;
  /** `missing` may mend itself outside of the file; `malformed` cannot. */
  readonly kind: 'resolved' | 'missing' | 'malformed';
  /** What deserves attention although a value was found. */
  readonly remarks: readonly string[];
}
