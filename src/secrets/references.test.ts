import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTextFile } from '../platform/text-file.ts';
import { openReferences } from './references.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-references-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

function references(environment: Record<string, string>) {
  return openReferences({ environment, readFile: readTextFile });
}

async function secretFile(name: string, text: string, mode = 0o600): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

describe('resolve()', () => {
  test('leaves a literal alone and tells that it has no origin', async () => {
    expect(await references({}).resolve('plain $HOME {x}', '/')).toMatchObject({ text: 'plain $HOME {x}', origins: [], problem: null });
  });

  test('puts a variable into the middle of a text', async () => {
    const found = await references({ HOST: 'db1' }).resolve('a-${env:HOST}-b', '/');
    expect(found).toMatchObject({ text: 'a-db1-b', origins: ['env:HOST'], kind: 'resolved' });
  });

  test('reads $${ as a literal ${', async () => {
    expect((await references({}).resolve('a$${env:X}', '/')).text).toBe('a${env:X}');
  });

  test('trims one trailing newline of a file and nothing else', async () => {
    const path = await secretFile('newline', ' two words \n\n');
    expect((await references({}).resolve(`\${file:${path}}`, '/')).text).toBe(' two words \n');
  });

  test('finds a relative file beside the configuration and ~ in the home directory', async () => {
    await secretFile('beside', 'value');
    expect((await references({}).resolve('${file:beside}', directory)).text).toBe('value');
    expect((await references({ HOME: directory }).resolve('${file:~/beside}', '/')).text).toBe('value');
  });

  test('reads a variable that is not set from the file that its _FILE twin names', async () => {
    const path = await secretFile('twin', 'from the file\n');
    expect(await references({ PW: '', PW_FILE: path }).resolve('${env:PW}', '/')).toMatchObject({
      text: 'from the file',
      origins: ['env:PW'],
    });
    expect((await references({ PW: 'direct', PW_FILE: path }).resolve('${env:PW}', '/')).text).toBe('direct');
    expect((await references({ PW_FILE: '/absent' }).resolve('${env:PW}', '/')).problem).toBe(
      '"${env:PW}" leads nowhere: /absent does not exist',
    );
  });

  test('reads a systemd credential', async () => {
    await secretFile('token', 'from-systemd\n', 0o400);
    expect((await references({ CREDENTIALS_DIRECTORY: directory }).resolve('${credential:token}', '/')).text).toBe('from-systemd');
  });

  test('tells when systemd passed no credentials', async () => {
    const found = await references({}).resolve('${credential:token}', '/');
    expect(found).toMatchObject({ text: null, kind: 'missing' });
    expect(found.problem).toContain('LoadCredential=token:/path');
  });

  test('remarks on a file that others can read, and only on that', async () => {
    const open = await secretFile('open', 'x', 0o644);
    const closed = await secretFile('closed', 'x', 0o640);
    expect((await references({}).resolve(`\${file:${open}}`, '/')).remarks).toEqual([expect.stringContaining(`chmod 600 ${open}`)]);
    expect((await references({}).resolve(`\${file:${closed}}`, '/')).remarks).toEqual([]);
  });

  test.each([
    ['${env:ABSENT}', '"${env:ABSENT}" leads nowhere: ABSENT is not set'],
    ['${env:EMPTY}', '"${env:EMPTY}" leads nowhere: EMPTY is empty'],
    ['${file:/nowhere/at/all}', '"${file:/nowhere/at/all}" leads nowhere: /nowhere/at/all does not exist'],
    ['${file:/}', '"${file:/}" leads nowhere: / is a directory'],
  ])('says where %s leads', async (text, problem) => {
    expect(await references({ EMPTY: '' }).resolve(text, '/')).toMatchObject({ text: null, problem, kind: 'missing' });
  });

  test('names every reference that leads nowhere, not only the first', async () => {
    const { problem } = await references({}).resolve('${env:A}${env:B}', '/');
    expect(problem).toContain('A is not set');
    expect(problem).toContain('B is not set');
  });

  test('refuses a file that is too large for a secret', async () => {
    const path = await secretFile('large', 'x'.repeat(70_000));
    expect((await references({}).resolve(`\${file:${path}}`, '/')).problem).toContain('is larger than 65536 bytes');
  });

  test.each(['${HOME}', '${env:}', '${env:A-B}', '${vault:x}', '${env:X', '${credential:../x}', '${}'])(
    'calls %s malformed without quoting it',
    async (text) => {
      const found = await references({}).resolve(`sesame${text}`, '/');
      expect(found).toMatchObject({ text: null, kind: 'malformed' });
      expect(found.problem).not.toContain('sesame');
    },
  );
});

describe('a reference in a URL', () => {
  test('is percent-encoded as user name and password, so that any password works', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: 'grapheme' }), async (password) => {
        const { text } = await references({ PW: password }).resolve('postgres://app:${env:PW}@db:5432/shop', '/');
        const url = new URL(text ?? '');
        expect([decodeURIComponent(url.password), url.hostname, url.port, url.pathname]).toEqual([password, 'db', '5432', '/shop']);
      }),
    );
  });

  test('is put in as it is as host, path, or when it is the whole text', async () => {
    const found = references({ HOST: 'db:5432', PATH_: 'a/b', URL: 'postgres://u:p@h/d' });
    expect((await found.resolve('postgres://u:p@${env:HOST}/${env:PATH_}', '/')).text).toBe('postgres://u:p@db:5432/a/b');
    expect((await found.resolve('${env:URL}', '/')).text).toBe('postgres://u:p@h/d');
    expect((await found.resolve('https://h/${env:PATH_}@x', '/')).text).toBe('https://h/a/b@x');
  });
});
