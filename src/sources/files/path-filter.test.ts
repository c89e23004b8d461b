import { describe, expect, test } from 'vitest';
import { PathFilter } from './path-filter.ts';

function excludes(pattern: string, path: string): boolean {
  const isDirectory = path.endsWith('/');
  return new PathFilter({ exclude: [pattern], include: [] }).excludes(path.replace(/\/$/, ''), isDirectory);
}

describe('a pattern', () => {
  test.each([
    // without a slash: a name at any depth
    ['*.tmp', 'a.tmp', true],
    ['*.tmp', 'deep/down/a.tmp', true],
    ['*.tmp', 'a.tmp.txt', false],
    ['*', '.hidden', true],
    ['cache', 'cache', true],
    ['cache', 'a/cache/', true],
    ['cache', 'a/mycache/', false],
    ['?.log', 'é.log', true],
    ['[ab].log', 'deep/b.log', true],
    ['[ab].log', 'c.log', false],
    ['{one,two}.txt', 'deep/two.txt', true],
    ['*', 'new\nline', true],
    ['a*z', 'a\n\nz', true],
    // with a slash: the whole path from the root
    ['/tmp', 'tmp', true],
    ['/tmp', 'a/tmp', false],
    ['logs/*.log', 'logs/a.log', true],
    ['logs/*.log', 'logs/old/a.log', false],
    ['logs/*.log', 'a/logs/a.log', false],
    ['./logs/*.log', 'logs/a.log', true],
    ['**/node_modules', 'node_modules', true],
    ['**/node_modules', 'a/b/node_modules', true],
    ['**/a\n*', 'x\ny/a\nb', true],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/.c/z', true],
    // the content of a directory without the directory
    ['**/cache/**', 'cache', false],
    ['**/cache/**', 'a/cache', false],
    ['**/cache/**', 'a/cache/x', true],
    ['**/cache/**', 'a/cache/.x/y', true],
    ['cache/**', 'a/cache/x', false],
    // a slash at the end: directories only
    ['cache/', 'a/cache/', true],
    ['cache/', 'a/cache', false],
    ['/a/cache/', 'a/cache/', true],
    // no more magic than that
    ['(x|y)', 'x', false],
    ['+(x)', 'xx', false],
    ['a(1).txt', 'a(1).txt', true],
    ['#a', '#a', true],
  ])('%j on %j: %j', (pattern, path, expected) => {
    expect(excludes(pattern, path)).toBe(expected);
  });

  test('of none passes all', () => {
    const filter = new PathFilter({ exclude: [], include: [] });
    expect([filter.passesAll, filter.isSelective, filter.excludes('a', false)]).toEqual([true, false, false]);
  });
});
