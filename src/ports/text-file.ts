/** A small file of text: a configuration, a secret. */
export interface TextFile {
  readonly text: string;
  /** Permission bits, as `stat` gives them. */
  readonly mode: number;
}

/** Reads a file of at most `maxBytes`. Throws the system's own error (`ENOENT`, `EACCES`, …), or `EFBIG` for a larger one. */
export type ReadTextFile = (path: string, maxBytes: number) => Promise<TextFile>;
