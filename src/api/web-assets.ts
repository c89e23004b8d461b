import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

/** The dashboard as it was built: pages and files, read once. */
export interface WebAssets {
  /** The one page, with its links below that path. */
  page(base: string): Buffer;
  /** By the name below `/assets/`; undefined for anything that was not built. */
  asset(name: string): WebAsset | undefined;
}

export interface WebAsset {
  readonly mediaType: string;
  readonly bytes: Buffer;
  /** By content coding, where it was compressed. */
  readonly encoded: Readonly<Partial<Record<'br' | 'gzip', Buffer>>>;
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
};

/** Reads what `scripts/build-web.ts` made; null when nothing was built there. */
export async function readWebAssets(directory: string): Promise<WebAssets | null> {
  const html = await readFile(join(directory, 'index.html'), 'utf8').catch(nullWhenAbsent);
  if (html === null) return null;
  const files = await readFiles(join(directory, 'assets'));
  const assets = new Map([...files].flatMap(([name, bytes]) => assetOf(name, bytes, files)));
  return {
    page: (base) => Buffer.from(html.replaceAll('__BASE__', `${base}/`)),
    asset: (name) => assets.get(name),
  };
}

/** Smallest first; `q=0` is not looked for: no browser sends it. */
export function chooseEncoding(asset: WebAsset, accepted: string | undefined): 'br' | 'gzip' | null {
  const codings = new Set((accepted ?? '').split(',').map((coding) => coding.split(';', 1)[0]?.trim()));
  return (['br', 'gzip'] as const).find((coding) => codings.has(coding) && asset.encoded[coding] !== undefined) ?? null;
}

function assetOf(name: string, bytes: Buffer, files: ReadonlyMap<string, Buffer>): [string, WebAsset][] {
  const mediaType = mediaTypes[extname(name)];
  if (mediaType === undefined) return [];
  const [br, gzip] = [files.get(`${name}.br`), files.get(`${name}.gz`)];
  return [[name, { mediaType, bytes, encoded: { ...(br && { br }), ...(gzip && { gzip }) } }]];
}

async function readFiles(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const name of (await readdir(directory).catch(nullWhenAbsent)) ?? []) {
    const path = join(directory, name);
    if ((await stat(path)).isFile()) files.set(name, await readFile(path));
  }
  return files;
}

function nullWhenAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
