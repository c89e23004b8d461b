import { describe, expect, test } from 'vitest';
import type { CatalogRelation } from './catalog.ts';
import { planCopies } from './copy-plan.ts';

const mebibyte = 1024 * 1024;

const table = (given: Partial<CatalogRelation> = {}): CatalogRelation => ({
  schema: 'public',
  name: 't',
  owner: 'app',
  kind: 'r',
  persistence: 'p',
  quoted: 'public.t',
  columns: 'a, b',
  isHeap: true,
  readable: true,
  rowSecurity: false,
  heapBytes: 16 * mebibyte,
  sizeBytes: 16 * mebibyte,
  ...given,
});
const usual = { connections: 2, serverMajor: 15, encoding: 'UTF8' };

describe('planCopies()', () => {
  test('cuts a large table into ranges that touch, begin at the first block and have no end', () => {
    const [copy] = planCopies([table()], usual)?.tables ?? [];
    const range = (bounds: string) => `COPY (SELECT a, b FROM ONLY public.t WHERE ${bounds}) TO STDOUT`;
    const between = [0, 256, 512, 768, 1024, 1280, 1536].map((from) => range(`ctid >= '(${from},0)' AND ctid < '(${from + 256},0)'`));
    expect(copy?.queries).toEqual([...between, range("ctid >= '(1792,0)'")]);
  });

  test('cuts by what is stored out of line too, but never finer than blocks', () => {
    const queries = (given: Partial<CatalogRelation>) => planCopies([table(given)], usual)?.tables[0]?.queries ?? [];
    expect(queries({ heapBytes: mebibyte, sizeBytes: 40 * mebibyte })).toHaveLength(20);
    expect(queries({ heapBytes: 3 * 8192, sizeBytes: 800 * mebibyte })).toHaveLength(3);
    expect(queries({ heapBytes: 8192, sizeBytes: 800 * mebibyte })).toEqual(['COPY public.t (a, b) TO STDOUT']);
  });

  test.each([
    ['small tables', { sizeBytes: 15 * mebibyte }],
    ['partitioned tables, which have no rows of their own', { kind: 'p' as const }],
    ['tables of another access method, whose row addresses mean something else', { isHeap: false }],
    ['unlogged tables', { persistence: 'u' as const }],
    ['tables without columns', { columns: null }],
  ])('leaves %s to pg_dump', (_, given) => {
    expect(planCopies([table(given)], usual)).toBeNull();
  });

  test('leaves names beyond ASCII to pg_dump unless the database is in UTF-8', () => {
    const odd = table({ quoted: 'public."café"' });
    expect(planCopies([odd], { ...usual, encoding: 'LATIN1' })).toBeNull();
    expect(planCopies([odd, table()], { ...usual, encoding: 'LATIN1' })?.tables).toHaveLength(1);
    expect(planCopies([odd], usual)?.tables).toHaveLength(1);
  });

  test('leaves everything to pg_dump over one connection, or where ranges of a table cannot be read alone', () => {
    expect(planCopies([table()], { ...usual, connections: 1 })).toBeNull();
    expect(planCopies([table()], { ...usual, serverMajor: 13 })).toBeNull();
    expect(planCopies([table()], { ...usual, serverMajor: 14 })?.connections).toBe(2);
  });
});
