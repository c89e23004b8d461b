import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { install, type Installation, type Report } from './holdfast.ts';

const program = fileURLToPath(new URL('../../bin/holdfast', import.meta.url));
const files = 30_000;

/** Long names, so that all of them together are more than the small heap below. */
const nameOf = (index: number): string => `${'x'.repeat(200)}-${index}`;

async function protectMany(into: Installation): Promise<string> {
  const tree = join(into.directory, 'many');
  await mkdir(tree);
  for (let at = 0; at < files; at += 500)
    await Promise.all(Array.from({ length: 500 }, (_, index) => writeFile(join(tree, nameOf(at + index)), '')));
  await into.configure(`
plans:
  home:
    sources: [{ kind: files, paths: ["${tree}"] }]
    stores: [{ kind: local, path: "${into.store}" }]
`);
  return (await into.json<Report>(['backup'])).snapshotId;
}

let installation: Installation;
let id = '';
beforeAll(async () => {
  installation = await install();
  id = await protectMany(installation);
});
afterAll(() => installation[Symbol.asyncDispose]());

it('show --contents lists any number of files in little memory, for people and for programs', async () => {
  const small = { env: { NODE_OPTIONS: '--max-old-space-size=32' } };
  const forPrograms = await installation.json<{ id: string; contents: { path: string }[] }>(['show', id, '--contents'], small);
  expect([forPrograms.id, forPrograms.contents.length]).toEqual([id, files + 1]);
  expect(forPrograms.contents.map(({ path }) => path)).toContain(`many/${nameOf(files - 1)}`);
  const forPeople = await installation.run(['show', id, '--contents'], small);
  expect([forPeople.exitCode, forPeople.stdout.split('\n').length]).toEqual([0, files + 2]);
});

it('show --contents ends well when its reader has seen enough', async () => {
  const child = spawn('sh', ['-c', `'${program}' show ${id} --contents; echo "ended with $?" >&2`], {
    cwd: join(installation.directory, 'cwd'),
    env: installation.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child.stdout, 'readable');
  child.stdout.destroy();
  await once(child, 'close');
  expect(said).toContain('ended with 0');
});

it('show --contents of a damaged listing fails, and prints nothing that could be taken for a whole answer', async () => {
  const listing = join(installation.store, `${id}.contents.jsonl.zst`);
  const bytes = await readFile(listing);
  bytes[bytes.length - 100]! ^= 1;
  await writeFile(listing, bytes);
  const ended = await installation.run(['show', id, '--contents', '--json']);
  expect(ended.exitCode).toBe(4);
  expect(() => ended.json()).toThrow(/No JSON/);
  expect(ended.stderr).toContain('"code": "DIGEST_MISMATCH"');
});
