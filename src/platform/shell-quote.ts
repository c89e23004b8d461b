/** One word of a POSIX shell's command line, in quotes when it must be. */
export function shellQuote(word: string): string {
  return /^[\w.,:+@%/-]+$/.test(word) && !word.startsWith('-') ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
