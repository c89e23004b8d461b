import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { secretVariable } from './secret-variable.ts';

const directory = mkdtempSync(join(tmpdir(), 'hf-secret-variable-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

test('a secret comes from the variable, or from the file without its last line end', () => {
  expect(secretVariable({ PW: 'direct' }, 'PW')?.reveal()).toBe('direct');
  const found = secretVariable({ PW: '', PW_FILE: file('pw', ' two words \n\n') }, 'PW');
  expect([found?.reveal(), found?.origin]).toEqual([' two words \n', `file:${join(directory, 'pw')}`]);
  expect(secretVariable({ PW: '', PW_FILE: '' }, 'PW')).toBeNull();
});

test('both at once are refused', () => {
  expect(() => secretVariable({ PW: 'x', PW_FILE: '/y' }, 'PW')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test.each([
  [join(directory, 'absent'), 'there is no such file'],
  [directory, 'it is a directory'],
  [file('empty', '\n'), 'it is empty'],
])('%s names no secret: %s', (path, reason) => {
  expect(() => secretVariable({ PW_FILE: path }, 'PW')).toThrow(
    expect.objectContaining({ code: 'SECRET_MISSING', message: `Cannot read the file "${path}" that PW_FILE names: ${reason}` }),
  );
});
