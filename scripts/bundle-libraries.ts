import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

/*
 * Puts each library that every command loads, and that consists of hundreds of small files, into one file:
 * dist/libraries/NAME@VERSION.mjs, which `bin/preload.cjs` has loaded in its place as long as that version is installed.
 */

const libraries = ['kysely', 'yaml', 'zod'];
const root = join(import.meta.dirname, '..');
const target = join(root, 'dist/libraries');

await mkdir(target, { recursive: true });
const built = await Promise.all(libraries.map(bundle));
for (const file of await readdir(target)) if (!built.includes(file)) await rm(join(target, file));
await writeFile(join(target, 'built'), '');

async function bundle(name: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string };
  const file = `${name}@${version}.mjs`;
  const names = exportsOf(await import(name));
  const { outputFiles } = await build({
    // By their names: of a CommonJS library `*` would be nothing.
    stdin: { contents: `export { ${names.join(', ')} } from '${name}';`, resolveDir: root },
    banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    write: false,
    logLevel: 'warning',
  });
  // Whole or not at all: a command may start meanwhile.
  const temporary = join(target, `.${process.pid}.${file}`);
  await writeFile(temporary, outputFiles[0]!.contents);
  const found = exportsOf(await import(temporary));
  if (found.join() !== names.join()) throw new Error(`The bundle of ${name} exports ${found.join(', ')}; it should: ${names.join(', ')}`);
  await rename(temporary, join(target, file));
  return file;
}

function exportsOf(module: object): string[] {
  return Object.keys(module)
    .filter((name) => name !== 'module.exports')
    .toSorted();
}
