import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeContract } from '../../../test/contracts/contract.ts';
import { sourceClauses, type SourceSubject } from '../../../test/contracts/source.ts';
import { keptLog } from '../../../test/fakes/kept-log.ts';
import { systemClock } from '../../platform/system-clock.ts';
import type { Source } from '../../ports/source.ts';
import { filesSource } from './files-source.ts';

const context = { clock: systemClock, log: keptLog(), environment: {}, name: 'home', ownDirectories: [] };

function open(path: string): Source {
  return filesSource.open(filesSource.schema.parse({ paths: [path] }), context);
}

async function tree(): Promise<SourceSubject & AsyncDisposable> {
  const base = mkdtempSync(join(process.env['TMPDIR'] ?? '/var/tmp', 'holdfast-source-'));
  const root = join(base, 'data');
  mkdirSync(join(root, 'sub'), { recursive: true });
  writeFileSync(join(root, 'a'), 'a'.repeat(2500));
  linkSync(join(root, 'a'), join(root, 'sub/linked'));
  symlinkSync('a', join(root, 'link'));
  for (let index = 10; index < 60; index++) writeFileSync(join(root, `f${index}`), `${index}`);
  return {
    open: () => open(root),
    // Listing a directory and reading a link leave a time of access, as they do for every program.
    fingerprint: async () =>
      execFileSync('find', [root, '-printf', '%p %i %s %m %T@ %C@\\n', '-type', 'f', '-printf', '%A@\\n']).toString(),
    openPointless: () => open(join(base, 'missing')),
    lose: async () => unlinkSync(join(root, 'f59')),
    [Symbol.asyncDispose]: async () => rmSync(base, { recursive: true }),
  };
}

describeContract('the files source', { clauses: sourceClauses, make: tree });

describe('the configuration of a files source', () => {
  const schema = filesSource.schema;

  test('needs a path and fills in the rest', () => {
    expect(schema.parse({ paths: ['/srv'] })).toEqual({
      paths: ['/srv'],
      exclude: [],
      include: [],
      allowEmpty: false,
      oneFileSystem: false,
      xattrs: true,
    });
    expect(schema.safeParse({ paths: [] }).success).toBe(false);
  });

  test.each(['', '!keep', '/', '../up', 'a/../b'])('refuses the pattern %j', (pattern) => {
    expect(schema.safeParse({ paths: ['/srv'], exclude: [pattern] }).success).toBe(false);
    expect(schema.safeParse({ paths: ['/srv'], include: [pattern] }).success).toBe(false);
  });

  test('refuses keys that it does not know', () => {
    expect(schema.safeParse({ paths: ['/srv'], excludes: [] }).success).toBe(false);
  });

  test.each([
    [['/srv/photos'], 'photos'],
    [['/srv/photos/'], 'photos'],
    [['/'], 'root'],
    [['/a', '/b'], 'files'],
  ])('names the source of %j', (paths, name) => {
    expect(filesSource.defaultName(schema.parse({ paths }))).toBe(name);
  });
});
