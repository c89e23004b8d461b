import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Sha256 } from '../../platform/sha256.ts';
import type { ScannedDump } from '../../ports/dump-engine.ts';
import { CopyScanner, type RowHash } from './copy-scanner.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const marker = '--\n-- PostgreSQL database dump complete\n--\n\n';

/** A dump with every construct that could mislead the scanner. */
const definitions = String.raw`--
-- PostgreSQL database dump
--

\restrict abc

SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);

CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $_$ select $1 || '
COPY public.zc FROM stdin;
1
\.
' $_$;
CREATE FUNCTION public.g() RETURNS text LANGUAGE sql AS $$ $_$
COPY public.zc FROM stdin;
-- PostgreSQL database dump complete
$_$ $$;
COMMENT ON TABLE public.zc IS 'it''s
COPY public.zc  FROM stdin;
\.
';
CREATE VIEW v AS SELECT E'\'
COPY a.b FROM stdin;
', E'it''s \'
COPY a.b FROM stdin;
', "name'e", 'C:\', $1, a$b$c, 1 - -1 /* /* nested */
COPY a.b FROM stdin;
*/ ;
CREATE TABLE "x
COPY a.b FROM stdin;
" ();
`;
const oddName = 'public."Odd ""q"" é;\nCOPY x FROM stdin;"';
const oddRows = '1\t\\\\.\n\\N\\\\\n\\\\.\n2\n';
const dump = `${definitions}
COPY ${oddName} ("a b", c) FROM stdin;
${oddRows}\\.


COPY public.zc  FROM stdin;


\\.
COPY public.empty (id) FROM stdin;
\\.


SELECT pg_catalog.setval('public.s', 1, false);
${marker}\\unrestrict abc

`;

async function scan(text: string | Buffer, sizes: readonly number[] = [text.length], openHash?: () => RowHash): Promise<ScannedDump> {
  const bytes = Buffer.from(text as string);
  const scanner = new CopyScanner(openHash);
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const size = Math.max(1, sizes[index % sizes.length] ?? 1);
    // A copy of its own at an odd address: neither alignment nor neighbours may matter.
    const chunk = Buffer.concat([Buffer.alloc((index % 3) + 1), bytes.subarray(at, at + size)]).subarray((index % 3) + 1);
    await scanner.push(chunk);
    chunk.fill(0xee);
    at += size;
  }
  return scanner.end();
}

describe('CopyScanner', () => {
  test('finds every table, and none in strings, names, function bodies and comments', async () => {
    const { tables } = await scan(dump);
    expect(tables).toEqual([
      {
        schema: 'public',
        name: 'Odd "q" é;\nCOPY x FROM stdin;',
        copy: `${oddName} ("a b", c)`,
        rows: 4,
        sizeBytes: oddRows.length,
        sha256: sha256(oddRows),
      },
      { schema: 'public', name: 'zc', copy: 'public.zc', rows: 2, sizeBytes: 2, sha256: sha256('\n\n') },
      { schema: 'public', name: 'empty', copy: 'public.empty (id)', rows: 0, sizeBytes: 0, sha256: sha256('') },
    ]);
  });

  test('hashes everything but rows and the random restrict key', async () => {
    const rest = dump.replace(oddRows, '').replace('stdin;\n\n\n\\.', 'stdin;\n\\.');
    expect((await scan(dump)).definitionsSha256).toBe(sha256(rest.replace('\\restrict abc\n', '').replace('\\unrestrict abc\n', '')));
    expect(await scan(dump.replaceAll('restrict abc', 'restrict xyz'))).toEqual(await scan(dump));
    expect((await scan(dump.replace('setval', 'nextval'))).definitionsSha256).not.toBe((await scan(dump)).definitionsSha256);
  });

  test('sees the same however the bytes are cut into chunks', async () => {
    const whole = await scan(dump);
    for (const size of [1, 2, 3, 5, 7, 11]) expect(await scan(dump, [size])).toEqual(whole);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), async (sizes) => {
        expect(await scan(dump, sizes)).toEqual(whole);
      }),
    );
  });

  test('counts rows of any length, also lines that begin like the terminator', async () => {
    const row = fc
      .array(fc.constantFrom('a', '\\\\', '\\N', '.', '\t', 'é', '\\\\.', 'x'.repeat(70)), { maxLength: 12 })
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(row), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), async (rows, sizes) => {
        const data = rows.map((text) => `${text}\n`).join('');
        const [table] = (await scan(`COPY a.b (c) FROM stdin;\n${data}\\.\n${marker}`, sizes)).tables;
        expect(table).toMatchObject({ rows: rows.length, sizeBytes: Buffer.byteLength(data), sha256: sha256(data) });
      }),
    );
  });

  test('refuses a dump that was cut anywhere', async () => {
    const bytes = Buffer.from(dump);
    const shortest = bytes.length - 1;
    for (let length = 0; length < shortest; length++) {
      await expect(scan(bytes.subarray(0, length)), `cut after ${length} bytes`).rejects.toThrow(
        expect.objectContaining({ code: 'DUMP_INCOMPLETE' }),
      );
    }
    expect((await scan(bytes.subarray(0, shortest))).tables).toHaveLength(3);
  });

  test('refuses an end marker that is data, or that is not the end', async () => {
    const cut = (text: string) => expect(scan(text)).rejects.toThrow(expect.objectContaining({ code: 'DUMP_INCOMPLETE' }));
    await cut(`COPY a.b (c) FROM stdin;\n${marker}`);
    await cut(`SELECT '\n${marker}';\n`);
    await cut(`${marker}SELECT 1;\n`);
    await cut(`${marker}\\restrict abc\n`);
    await cut(`${marker}--\n-- Name: more; Type: TABLE\n`);
    expect((await scan(marker)).tables).toEqual([]);
  });

  test('knows the end of a dump of roles', async () => {
    const globals = 'CREATE ROLE a;\n\\unrestrict x\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n';
    expect((await scan(globals)).tables).toEqual([]);
  });

  test('reads names in the encoding of the dump', async () => {
    const text = "SET client_encoding = 'LATIN1';\nCOPY a.caf\u00e9 (\u00fc) FROM stdin;\n\\.\n" + marker;
    expect((await scan(Buffer.from(text, 'latin1'))).tables).toMatchObject([{ name: 'café', copy: 'a.café (ü)' }]);
  });

  test('sees the same when rows are hashed on another thread', async () => {
    const rows = Array.from({ length: 40_000 }, (_, row) => `${row}\tsome text\\\\\n`).join('');
    const large = `COPY a.b (c, d) FROM stdin;\n${rows}\\.\nCOPY a.c (c) FROM stdin;\n1\n\\.\n${marker}`;
    const whole = await scan(large);
    for (const size of [large.length, 300_000, 70_001]) expect(await scan(large, [size], () => new Sha256())).toEqual(whole);
  });
});
