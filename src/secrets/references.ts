import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { References, ResolvedText } from '../ports/references.ts';
import type { ReadTextFile } from '../ports/text-file.ts';
import { parseTemplate, referencesInUserInfo, type Reference, type ReferenceKind, type Template } from './reference-syntax.ts';

export interface ReferenceContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadTextFile;
}

/** A value, or why there is none; `remark` when the value was found in a place that others can read. */
type Found = { readonly value: string; readonly remark?: string } | { readonly problem: string };

const maxSecretBytes = 64 * 1024;

/** References that look into this environment and these files. Nothing is kept: a changed secret is seen at the next call. */
export function openReferences(context: ReferenceContext): References {
  return { resolve: (text, directory) => resolveText(text, directory, context) };
}

async function resolveText(text: string, directory: string, context: ReferenceContext): Promise<ResolvedText> {
  const template = parseTemplate(text);
  if (template === null) return { text: null, origins: [], problem: malformed, kind: 'malformed', remarks: [] };
  const references = template.filter((piece) => typeof piece !== 'string');
  const found = await Promise.all(references.map(async (reference) => await finders[reference.kind](reference, directory, context)));
  const origins = references.map(({ kind, name }) => `${kind}:${name}`);
  const remarks = found.flatMap((answer) => ('remark' in answer && answer.remark !== undefined ? [answer.remark] : []));
  const problems = found.flatMap((answer, index) =>
    'problem' in answer ? [`"${references[index]?.written}" leads nowhere: ${answer.problem}`] : [],
  );
  if (problems.length > 0) return { text: null, origins, problem: problems.join('; '), kind: 'missing', remarks };
  return { text: fill(template, found), origins, problem: null, kind: 'resolved', remarks };
}

function fill(template: Template, found: readonly Found[]): string {
  const encoded = referencesInUserInfo(template);
  let next = 0;
  return template
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      const index = next++;
      const answer = found[index];
      const value = answer !== undefined && 'value' in answer ? answer.value : '';
      return index < encoded ? encodeURIComponent(value) : value;
    })
    .join('');
}

const malformed = 'holds a "${" that begins no reference; write ${env:NAME}, ${file:/path} or ${credential:name}, or $${ for a literal ${';

type Finder = (reference: Reference, directory: string, context: ReferenceContext) => Promise<Found>;

const finders: Readonly<Record<ReferenceKind, Finder>> = { env: findVariable, file: findFile, credential: findCredential };

/** Or the file that the variable's name with `_FILE` appended names, as containers are handed secrets. */
async function findVariable(reference: Reference, directory: string, context: ReferenceContext): Promise<Found> {
  const { name } = reference;
  const value = context.environment[name];
  const file = context.environment[`${name}_FILE`] ?? '';
  if ((value ?? '') === '' && file !== '') return await findFile({ ...reference, name: file }, directory, context);
  if (value === undefined) return { problem: `${name} is not set` };
  return value === '' ? { problem: `${name} is empty` } : { value };
}

async function findFile({ name }: Reference, directory: string, context: ReferenceContext): Promise<Found> {
  const path = resolve(directory, name.replace(/^~(?=\/|$)/u, context.environment['HOME'] ?? homedir()));
  const found = await readSecret(path, context.readFile);
  if ('problem' in found || (found.mode & 0o004) === 0 || isMountedByRuntime(path)) return found;
  return { value: found.value, remark: `${path} can be read by every user of this machine; run: chmod 600 ${path}` };
}

/** Docker and Kubernetes mount secrets there, world-readable inside the container; the user cannot choose otherwise. */
function isMountedByRuntime(path: string): boolean {
  return path.startsWith('/run/secrets/') || path.startsWith('/var/run/secrets/');
}

async function findCredential({ name }: Reference, _directory: string, context: ReferenceContext): Promise<Found> {
  const directory = context.environment['CREDENTIALS_DIRECTORY'];
  if (directory === undefined || directory === '') {
    return { problem: `CREDENTIALS_DIRECTORY is not set: systemd hands credentials to its own units only (LoadCredential=${name}:/path)` };
  }
  return await readSecret(resolve(directory, name), context.readFile);
}

async function readSecret(path: string, readFile: ReadTextFile): Promise<{ value: string; mode: number } | { problem: string }> {
  try {
    const { text, mode } = await readFile(path, maxSecretBytes);
    const value = text.replace(/\r?\n$/u, '');
    return value === '' ? { problem: `${path} is empty` } : { value, mode };
  } catch (cause) {
    return { problem: `${path} ${unreadable(cause)}` };
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'cannot be read by this user',
  EPERM: 'cannot be read by this user',
  EISDIR: 'is a directory',
  EFBIG: `is larger than ${maxSecretBytes} bytes`,
};

function unreadable(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
  return reasons[code] ?? `cannot be read (${code})`;
}
