import { isUtf8 } from 'node:buffer';
import { z } from 'zod';

/** Where in a snapshot: names need not be UTF-8, and their bytes then travel beside the text, as in the contents listing. */
export const pathQuery = {
  path: z.string().max(4096).default('').describe('as the listing tells it'),
  pathBase64: z.base64().min(4).max(6000).optional().describe('instead of `path`, where the listing has it'),
};

interface PathQuery {
  readonly path: string;
  readonly pathBase64?: string | undefined;
}

export function bytesOfPath({ path, pathBase64 }: PathQuery): Buffer {
  return pathBase64 === undefined ? Buffer.from(path.replace(/\/+$/u, '')) : Buffer.from(pathBase64, 'base64');
}

export function presentPath(bytes: Buffer): { readonly path: string; readonly pathBase64: string | null } {
  return { path: bytes.toString(), pathBase64: isUtf8(bytes) ? null : bytes.toString('base64') };
}
