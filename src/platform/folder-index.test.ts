import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { FolderEntry, FolderIndex, PlaceInFolder } from '../ports/folder-index.ts';
import { openFolderIndex } from './folder-index.ts';

const nothing = { sizeBytes: null, modifiedAt: null, sha256: null, rows: null, linkTarget: null };

function entry(type: FolderEntry['type'], name: string | Buffer): FolderEntry {
  return { ...nothing, type, name: Buffer.from(name) };
}

function filled(entries: readonly (readonly [folder: string, FolderEntry])[]): FolderIndex {
  const index = openFolderIndex();
  for (const [folder, item] of entries) index.add(Buffer.from(folder), item);
  return index;
}

function namesIn(index: FolderIndex, folder: string, limit = 100): string[] {
  const names: string[] = [];
  for (let after: PlaceInFolder | undefined; ;) {
    const page = index.page(Buffer.from(folder), { after, limit }) ?? [];
    names.push(...page.map(({ type, name }) => `${type} ${Buffer.from(name).toString()}`));
    after = page.at(-1);
    if (page.length < limit) return names;
  }
}

test('tells databases first, then folders, then the rest by name, whatever the size of the pages', () => {
  using index = filled([
    ['', entry('database', 'databases/app')],
    ['databases/app', entry('table', 'public.users')],
    ['home', entry('symlink', 'b')],
    ['home', entry('file', 'B')],
    ['home', entry('directory', 'z')],
    ['home', entry('hardlink', 'a')],
  ]);
  expect(namesIn(index, '')).toEqual(['database databases/app', 'directory home']);
  expect(namesIn(index, 'databases/app')).toEqual(['table public.users']);
  for (const limit of [1, 2, 3, 100]) expect(namesIn(index, 'home', limit)).toEqual(['directory z', 'file B', 'hardlink a', 'symlink b']);
});

test('has the folders above what was added, with what is told of them later', () => {
  const at = new Date('2026-11-21T10:00:00Z');
  using index = filled([
    ['a/b/c', entry('file', 'd')],
    ['a', { ...entry('directory', 'b'), modifiedAt: at }],
    ['a', entry('directory', 'empty')],
  ]);
  expect(namesIn(index, '')).toEqual(['directory a']);
  expect(namesIn(index, 'a')).toEqual(['directory b', 'directory empty']);
  expect(index.find(Buffer.from('a/b'))).toEqual({ ...entry('directory', 'b'), name: new Uint8Array([0x62]), modifiedAt: at });
  expect(index.page(Buffer.from('a/empty'), { after: undefined, limit: 9 })).toEqual([]);
  expect(index.page(Buffer.from('a/b/c/d'), { after: undefined, limit: 9 })).toBeUndefined();
  expect(index.find(Buffer.from('a/x'))).toBeUndefined();
});

test('keeps names that differ only in bytes which are not UTF-8 apart', () => {
  using index = filled([]);
  const [one, other] = [Buffer.from([0x66, 0xff]), Buffer.from([0x66, 0xfe])];
  index.add(Buffer.from('odd'), { ...entry('file', one), sizeBytes: 1, sha256: 'ab'.repeat(32) });
  index.add(Buffer.from('odd'), { ...entry('hardlink', other), linkTarget: Buffer.concat([Buffer.from('odd/'), one]) });
  expect(index.find(Buffer.concat([Buffer.from('odd/'), one]))).toMatchObject({ type: 'file', sizeBytes: 1, sha256: 'ab'.repeat(32) });
  const link = index.find(Buffer.concat([Buffer.from('odd/'), other]));
  expect(Buffer.from(link?.linkTarget ?? []).toString('latin1')).toBe('odd/f\u{ff}');
});

test('leaves no file that could be found, however much it holds', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-index-'));
  vi.stubEnv('SQLITE_TMPDIR', directory);
  try {
    using index = openFolderIndex();
    const folder = Buffer.from('f'.repeat(200));
    for (let number = 0; number < 60_000; number += 1)
      index.add(folder, { ...entry('file', `${number}-${'n'.repeat(200)}`), sizeBytes: number, sha256: 'cd'.repeat(32) });
    expect(index.find(Buffer.concat([folder, Buffer.from(`/7-${'n'.repeat(200)}`)]))?.sizeBytes).toBe(7);
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  }
});
