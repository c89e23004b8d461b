/** Progress, beside the results: on standard error. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
