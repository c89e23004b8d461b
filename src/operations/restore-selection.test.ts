import { describe, expect, test } from 'vitest';
import { sampleManifest } from '../../test/fixtures/sample-manifest.ts';
import type { DumpRecord, Manifest } from '../domain/manifest.ts';
import { select } from './restore-selection.ts';

function dump(name: string, tables: readonly string[]): DumpRecord {
  const records = tables.map((table) => ({
    schema: 'public',
    name: table,
    copy: `public.${table} (id)`,
    rows: 1,
    sizeBytes: 2,
    sha256: '',
  }));
  return {
    content: 'dump',
    name,
    source: 'postgres',
    sourceName: 'postgres',
    part: `${name}.sql`,
    sizeBytes: 10,
    path: null,
    dump: {
      engine: 'postgres',
      scope: 'database',
      database: name,
      host: null,
      serverVersion: '15.18',
      tool: 'pg_dump 15.18',
      properties: {},
      definitionsSha256: '',
      tables: records,
      requires: { roles: [], extensions: [] },
    },
  };
}

const plain = sampleManifest('home-20260101-020000', { parts: { 'files.tar': Buffer.from('x') } });
const manifest: Manifest = { ...plain, units: [...plain.units, dump('app', ['users', 'orders']), dump('wiki', ['pages'])] };

describe('--only with a name that the snapshot cannot have', () => {
  test.each([
    ['public.user', 'public.users'],
    ['app:public.usres', 'app:public.users'],
    ['orders', 'public.orders'],
    ['wikki', 'wiki'],
    ['/srv/file', '/srv/files'],
  ])('%s is refused, and %s named', (name, near) => {
    expect(() => select(manifest, [name])).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: `Nothing in the snapshot is called "${name}"; did you mean "${near}"?`,
        details: { name, nearest: near },
      }),
    );
  });

  test('far from every other is told what there is', () => {
    expect(() => select(manifest, ['something.else'])).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('it holds "app", "wiki", "files", "/srv/files"') }),
    );
  });
});

test('paths below a root, as they were and as they are in the archive, are left to the listing', () => {
  expect(select(manifest, ['/srv/files/a', 'files/b/']).paths).toEqual(['files/a', 'files/b']);
});

test('tables of a database that is restored as a whole come with it', () => {
  const { databases, tables } = select(manifest, ['app', 'public.users', 'public.pages']);
  expect(databases.map(({ name }) => name)).toEqual(['app']);
  expect([...tables].map(([{ name }, names]) => [name, names])).toEqual([['wiki', [{ schema: 'public', name: 'pages' }]]]);
});
