import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharedDatabase } from '../../../test/fixtures/shared-postgres.ts';
import { quoteIdentifier } from './server-error.ts';
import { excludingArgument, parsePattern } from './table-patterns.ts';

const run = promisify(execFile);

/** Schema and name, as they are. */
const tables = [
  ['public', 'audit'],
  ['public', 'audit_2026'],
  ['public', 'Audit'],
  ['public', 'a.b'],
  ['public', 'say "hi"'],
  ['public', '"x"'],
  ['public', 'cost$'],
  ['public', 'x*'],
  ['public', 'line\nbreak'],
  ['log', 'audit'],
  ['log', 'lines1'],
  ['log', 'lines12'],
  ['Log', 'grüße'],
] as const;

let database: Awaited<ReturnType<typeof sharedDatabase>>;
beforeAll(async () => {
  database = await sharedDatabase('patterns');
  const made = tables.map(([schema, name]) => `CREATE TABLE ${quoteIdentifier(schema)}.${quoteIdentifier(name)} AS SELECT 1 AS i;`);
  await database.cluster.query(database.name, `CREATE SCHEMA log; CREATE SCHEMA "Log"; ${made.join('')}`);
});
afterAll(() => database[Symbol.asyncDispose]());

/** The tables whose rows pg_dump leaves out when it is given this argument. */
async function leftOut(argument: string): Promise<string[]> {
  const { cluster, name } = database;
  const { stdout } = await run(join(cluster.binDirectory, 'pg_dump'), ['--data-only', argument, name], { env: cluster.environment });
  return names(tables.filter(([schema, table]) => !copies(stdout, schema, table)));
}

function copies(dump: string, schema: string, table: string): boolean {
  return [table, quoteIdentifier(table)].some((written) =>
    dump.includes(`COPY ${/[A-Z]/.test(schema) ? quoteIdentifier(schema) : schema}.${written} (i)`),
  );
}

const names = (some: readonly (readonly [string, string])[]) => some.map(([schema, name]) => JSON.stringify([schema, name]));

describe('a pattern of tables', () => {
  test.each([
    'audit',
    'public.audit',
    'AUDIT',
    '"Audit"',
    'audit*',
    'public.aud?t',
    '*.audit',
    'log.*',
    'LOG.lines?',
    '"Log".*',
    '"Log"."grüße"',
    'log.lines[0-9]',
    'log.(audit|lines1)',
    '"a.b"',
    'a.b',
    '"say ""hi"""',
    '"""x"""',
    'cost$',
    '"x*"',
    'line*',
    'pub"lic".audit',
    'nothing.*',
  ])('%s fits what it fits for pg_dump', async (text) => {
    const pattern = parsePattern(text);
    const fitting = tables.filter(([schema, name]) => pattern?.matches({ schema, name }));
    expect(names(fitting)).toEqual(await leftOut(`--exclude-table-data=${text}`));
  });

  test.each(['', '"open', 'a.b.c', 'a.', '.b', 'a(', 'log.[0'])('%j is none', (text) => {
    expect(parsePattern(text)).toBeNull();
  });

  test('that names one table fits no other, whatever its name', async () => {
    for (const [schema, name] of tables) expect(await leftOut(excludingArgument({ schema, name }))).toEqual(names([[schema, name]]));
  });
});
