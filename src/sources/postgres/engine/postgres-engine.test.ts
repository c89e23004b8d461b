import { describe, expect, test } from 'vitest';
import { pieces, testContext } from '../../../../test/fixtures/postgres-dump.ts';
import type { DumpDetails } from '../../../domain/manifest.ts';
import { completeDump } from './complete-dump.ts';
import { copyStatement } from './copy-out.ts';
import { createDatabase } from './database-definition.ts';
import { nameWithSuffix, timeLabel } from './database-names.ts';
import { forServer } from './older-server.ts';
import { openPostgresEngine } from './postgres-engine.ts';
import { quoteLiteral, setClause } from './quoting.ts';

async function read(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

describe('restoreCommand()', () => {
  const command = (details: Partial<DumpDetails>) =>
    openPostgresEngine(testContext()).restoreCommand(
      { scope: 'database', database: 'app', ...details } as DumpDetails,
      'gunzip -c x.sql.gz',
    );

  test('is one that a shell runs as it stands', () => {
    expect(command({})).toBe('gunzip -c x.sql.gz | psql -X -v ON_ERROR_STOP=1 --single-transaction -d app');
    expect(command({ database: `it's; rm -rf` })).toBe(
      `gunzip -c x.sql.gz | psql -X -v ON_ERROR_STOP=1 --single-transaction -d 'it'\\''s; rm -rf'`,
    );
    expect(command({ database: 'a=b' })).toContain(`-d 'dbname='\\''a=b'\\'''`);
    expect(command({ scope: 'globals', database: '' })).toBe('gunzip -c x.sql.gz | psql -X -d postgres');
  });
});

describe('completeDump()', () => {
  const dump = Buffer.from('SELECT 1;\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n');
  const check = (bytes: Buffer, expected: number, sizeBytes: number) => read(completeDump(pieces(bytes, { sizeBytes }), expected));

  test('hands a complete dump on, in pieces of any size', async () => {
    for (const sizeBytes of [1, 7, 10_000]) expect(await check(dump, dump.length, sizeBytes)).toBe(dump.toString());
  });

  test('throws at the end of one that is longer, shorter or unmarked', async () => {
    for (const wrong of [dump.subarray(0, -1), Buffer.concat([dump, dump])])
      await expect(check(wrong, dump.length, 9)).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
    const indented = Buffer.from(dump.toString().replace('-- PostgreSQL', ' -- PostgreSQL'));
    await expect(check(indented, indented.length, 9)).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
    const early = Buffer.concat([dump, Buffer.alloc(5000, 'x')]);
    await expect(check(early, early.length, 9)).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
  });
});

describe('forServer()', () => {
  const head = `--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\nSET transaction_timeout = 0;\nSET row_security = off;\n`;
  const dump = Buffer.from(
    `${head}\n--\n-- Name: t; Type: TABLE\n--\nCREATE TABLE t (a text);\nCOPY t (a) FROM stdin;\nx\nSET transaction_timeout = 0;\n\\.\n${'y\n'.repeat(5000)}`,
  );

  test('takes what an older server does not know out of the head, and nothing out of the rows', async () => {
    const expected = dump.toString().replace('SET transaction', '--T transaction');
    for (const sizeBytes of [1, 100, 1 << 20]) expect(await read(forServer(pieces(Buffer.from(dump), { sizeBytes }), 16))).toBe(expected);
  });

  test('leaves a dump for a newer server alone', async () => {
    expect(await read(forServer(pieces(dump), 17))).toBe(dump.toString());
  });
});

test('names are shortened to 63 bytes at a character, and keep their suffix', () => {
  expect(nameWithSuffix('app', '_old')).toBe('app_old');
  expect(nameWithSuffix('é'.repeat(40), '_old')).toBe(`${'é'.repeat(29)}_old`);
  expect(nameWithSuffix('🦆'.repeat(20), '_old')).toBe(`${'🦆'.repeat(14)}_old`);
  expect(timeLabel(new Date('2026-11-21T02:34:05.999Z'))).toBe('20261121_023405');
});

test('setClause() keeps lists of names apart and other values whole', () => {
  expect(setClause('search_path="$user", public, "a,""b"')).toBe(`SET "search_path" TO '$user', 'public', 'a,"b'`);
  expect(setClause('search_path=')).toBe(`SET "search_path" TO ''`);
  expect(setClause('my.x=a, b=c')).toBe(`SET "my.x" TO 'a, b=c'`);
  expect(quoteLiteral(`it's \\`)).toBe(`E'it''s \\\\'`);
});

test('copyStatement() writes names in ASCII, and lets through nothing but a table with columns', () => {
  expect(copyStatement('public.t (a, "B")', null)).toBe('COPY public.t (a, "B") TO STDOUT');
  expect(copyStatement('public.t', '')).toBe('COPY public.t TO STDOUT');
  expect(copyStatement('s."ü\\"', null)).toBe('COPY s.U&"\\+0000fc\\\\" TO STDOUT');
  expect(copyStatement('s.t (a)', 'WHERE b')).toBe('COPY (SELECT a FROM ONLY s.t WHERE b) TO STDOUT');
  for (const other of ['t', 'public.t; DROP TABLE x', 'public.t (a) TO PROGRAM', 'public.t (a, b', '(SELECT 1)', 'public.t (f(x))'])
    expect(() => copyStatement(other, null)).toThrow('it is not a table with columns');
});

test('createDatabase() says what its version of the server understands', () => {
  const sql = (serverMajor: number, properties: DumpDetails['properties']) =>
    createDatabase({ name: 'x', properties, serverMajor, tablespace: null });
  const locale = { encoding: 'UTF8', collate: 'C', ctype: 'C' };
  expect(sql(14, { ...locale, localeProvider: 'libc' })).toBe(
    `CREATE DATABASE "x" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
  );
  expect(sql(16, { ...locale, localeProvider: 'icu', locale: 'de', icuRules: '&a < b' })).toContain(
    `LOCALE_PROVIDER icu ICU_LOCALE 'de' ICU_RULES '&a < b'`,
  );
  expect(sql(17, { ...locale, localeProvider: 'builtin', locale: 'C.UTF-8' })).toContain(
    `LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'`,
  );
});
