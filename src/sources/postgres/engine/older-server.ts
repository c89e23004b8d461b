/** Settings in the head of a dump that servers before `sinceMajor` do not know and that change nothing in what is loaded. */
const laterSettings: readonly { readonly line: string; readonly sinceMajor: number }[] = [
  { line: 'SET transaction_timeout = 0;', sinceMajor: 17 },
];

/** pg_dump's settings stand before the first definition, within the first bytes. */
const headBytes = 4096;

/**
 * A database is often dumped by a newer pg_dump than its server, and must go back into that server: the lines of the head
 * that it would refuse become comments of the same length. Nothing after the head is touched.
 */
export async function* forServer(dump: AsyncIterable<Uint8Array>, serverMajor: number): AsyncGenerator<Uint8Array> {
  const refused = laterSettings.filter(({ sinceMajor }) => serverMajor < sinceMajor);
  let head: Buffer | null = refused.length === 0 ? null : Buffer.alloc(0);
  for await (const chunk of dump) {
    if (head === null) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      if (head.length < headBytes) continue;
      yield withoutLines(
        head,
        refused.map(({ line }) => line),
      );
      head = null;
    }
  }
  if (head !== null)
    yield withoutLines(
      head,
      refused.map(({ line }) => line),
    );
}

function withoutLines(dump: Buffer, lines: readonly string[]): Buffer {
  const firstDefinition = dump.indexOf('\n-- Name: ');
  const end = Math.min(headBytes, firstDefinition < 0 ? dump.length : firstDefinition);
  for (const line of lines) {
    const at = dump.indexOf(`\n${line}\n`);
    if (at >= 0 && at < end) dump.write('--', at + 1);
  }
  return dump;
}
