import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build, type OutputFile } from 'esbuild';

/*
 * Builds the dashboard into dist/web, which the service reads once at its start:
 *   index.html      its `__BASE__` is replaced per request by the base path with a slash at its end: `/`, `/holdfast/`
 *   assets/*        their names carry a digest of their content: they may be cached for ever; each with `.br` and `.gz`
 *   build.json      `{ files: [{ path, type, sizeBytes, gzipBytes }] }` of everything above, written last
 */

const root = join(import.meta.dirname, '..');
const web = join(root, 'src/web');
const target = join(root, 'dist/web');
/** What a browser has to load of JavaScript, compressed, before the first page stands. */
const budgetBytes = 150_000;

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

interface BuiltFile {
  readonly path: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly gzipBytes: number;
}

const files = await bundle();
const scripts = files.filter(({ path }) => path.endsWith('.js')).reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
if (scripts > budgetBytes) throw new Error(`The dashboard needs ${scripts} bytes of JavaScript; it may need ${budgetBytes}`);
console.error(`Built the dashboard: ${Math.round(scripts / 100) / 10} kB of JavaScript, compressed`);

async function bundle(): Promise<readonly BuiltFile[]> {
  const { outputFiles, metafile } = await build({
    entryPoints: ['main.tsx', 'theme.ts', 'style.css', 'icon.svg'].map((name) => join(web, name)),
    outdir: join(target, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.svg': 'copy', '.md': 'text' },
    define: { 'process.env.NODE_ENV': '"production"' },
    metafile: true,
    write: false,
    absWorkingDir: root,
    logLevel: 'warning',
  });
  const nameOf = (entry: string) => {
    const [path] = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === `src/web/${entry}`) ?? [];
    if (path === undefined) throw new Error(`The build made nothing of ${entry}`);
    return `assets/${basename(path)}`;
  };
  return writeAll(outputFiles, {
    __MAIN__: nameOf('main.tsx'),
    __THEME__: nameOf('theme.ts'),
    __STYLE__: nameOf('style.css'),
    __ICON__: nameOf('icon.svg'),
  });
}

/** Whoever reads dist/web meanwhile sees the old build or the new one, never half of one. */
async function writeAll(assets: readonly OutputFile[], names: Readonly<Record<string, string>>): Promise<readonly BuiltFile[]> {
  const staging = `${target}.new-${process.pid}`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(join(staging, 'assets'), { recursive: true });
  const built = [await write(staging, 'index.html', Buffer.from(await pageWith(names)))];
  for (const asset of assets) built.push(await write(staging, `assets/${basename(asset.path)}`, asset.contents));
  await writeFile(join(staging, 'build.json'), `${JSON.stringify({ files: built }, null, 2)}\n`);
  const old = `${target}.old-${process.pid}`;
  await rename(target, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(staging, target);
  await rm(old, { recursive: true, force: true });
  return built;
}

async function write(directory: string, path: string, content: Uint8Array): Promise<BuiltFile> {
  const compressed = gzipSync(content, { level: 9 });
  await writeFile(join(directory, path), content);
  if (path.startsWith('assets/')) {
    await writeFile(join(directory, `${path}.gz`), compressed);
    await writeFile(join(directory, `${path}.br`), brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  }
  const type = types[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  return { path, type, sizeBytes: content.byteLength, gzipBytes: compressed.byteLength };
}

async function pageWith(names: Readonly<Record<string, string>>): Promise<string> {
  const page = await readFile(join(web, 'index.html'), 'utf8');
  return Object.entries(names).reduce((text, [place, name]) => text.replace(place, name), page);
}
