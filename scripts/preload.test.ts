import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'holdfast-preload-'));
const preload = join(root, 'bin/preload.cjs');

beforeAll(() => {
  write('node_modules/letters/package.json', { name: 'letters', version: '1.2.3', type: 'module', exports: './index.js' });
  write('node_modules/letters/index.js', `export const from = 'many files';`);
  mkdirSync(dirname(preload), { recursive: true });
  copyFileSync(join(import.meta.dirname, '../bin/preload.cjs'), preload);
});

afterAll(() => rmSync(root, { recursive: true }));

function write(file: string, content: object | string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), typeof content === 'string' ? content : JSON.stringify(content));
}

/** Where the library comes from, in the main thread and in another one. */
function loadedFrom(): string {
  write(
    'main.mjs',
    `import { from } from 'letters'; import { Worker } from 'node:worker_threads'; console.log(from); new Worker('./other.mjs');`,
  );
  write('other.mjs', `import { from } from 'letters'; console.log(from);`);
  return execFileSync(process.execPath, ['--require', preload, 'main.mjs'], { cwd: root, encoding: 'utf8' });
}

it('loads a library as it is installed where no bundle was built', () => {
  expect(loadedFrom()).toBe('many files\nmany files\n');
});

it('loads the bundle of the version that is installed, in every thread, and of no other', () => {
  write('dist/libraries/letters@1.2.3.mjs', `export const from = 'one file';`);
  expect(loadedFrom()).toBe('one file\none file\n');
  write('node_modules/letters/package.json', { name: 'letters', version: '1.2.4', type: 'module', exports: './index.js' });
  expect(loadedFrom()).toBe('many files\nmany files\n');
});
