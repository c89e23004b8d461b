import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApplication } from '../test/fixtures/application-database.ts';
import { startPostgres, type PostgresCluster } from '../test/fixtures/postgres-cluster.ts';

/*
 * The main job on real data: a PostgreSQL server of its own with a shop's database, a folder of photos and notes, a
 * backup of both, its proof by restore, a loss, the restore, and what to look at next.
 */

const holdfast = fileURLToPath(new URL('../bin/holdfast', import.meta.url));
const user = process.getuid?.() ?? 'me';
const home = join(tmpdir(), `holdfast-demo-${user}`);
const environment: Record<string, string | undefined> = {
  ...process.env,
  HOLDFAST_DATA_DIR: join(home, 'state'),
  HOLDFAST_CONFIG: join(home, 'holdfast.yaml'),
};

await rm(home, { recursive: true, force: true });
await mkdir(home, { recursive: true, mode: 0o755 });
console.log(bold('Holdfast demo') + `  everything lives in ${home}\n`);

console.log('Starting a PostgreSQL server and filling it with a shop …');
await using server = await startPostgres();
await createApplication(server, 'shop', { scale: 4 });
await makeFiles(join(home, 'photos'));
await writeConfiguration(server);
const before = await fingerprint(server);
console.log(`  ${before.orders} orders of ${before.customers} customers, ${before.files.size} files\n`);

await step('1. The plan: what is protected, where it goes, how long it is kept', ['config', 'show']);
await step('2. A backup: read once, hashed, packed, verified to the end', ['backup', '--description', 'before the accident']);
await step('3. The proof: restored into a scratch server and a scratch directory, and compared', ['drill']);

console.log(bold('4. The accident'));
await server.query('shop', 'DROP TABLE orders CASCADE');
await rm(join(home, 'photos/2024'), { recursive: true });
await writeFile(join(home, 'photos/notes.txt'), 'overwritten by mistake\n');
console.log('  the table of orders is dropped, a year of photos deleted, the notes overwritten\n');

await step('5. The restore: verified first, loaded beside, compared, then swapped in; the old is kept', [
  'restore',
  await newestSnapshot(),
  '--in-place',
  '--yes',
]);
const after = await fingerprint(server);
requireEqual(before, after);
console.log(
  bold('6. Everything is back') +
    `\n  ${after.orders} orders of ${after.customers} customers, ${after.files.size} files: ${green('all as they were before the accident')}\n`,
);
await step('7. Is my data safe?', ['status']);

const shown = (command: string): string => `  ${relative(process.cwd(), holdfast) || holdfast} ${command}`;
console.log(bold('Try next') + " (the demo's database server is stopped now; its backups are still there)");
console.log(
  `  export HOLDFAST_CONFIG=${environment['HOLDFAST_CONFIG']} HOLDFAST_DATA_DIR=${environment['HOLDFAST_DATA_DIR']} \\\n    DATABASE_URL=${environment['DATABASE_URL']}`,
);
for (const command of [
  'list',
  `show ${await newestSnapshot()}`,
  'verify --latest',
  'drill',
  'expire --dry-run',
  `restore ${await newestSnapshot()} --to-directory ${home}/restored --yes`,
])
  console.log(shown(command));
console.log(`  ls -l ${home}/backups          # plain files; "show" prints the commands that restore them without Holdfast`);
console.log(`  rm -r ${home}       # when you are done`);

async function makeFiles(directory: string): Promise<void> {
  await mkdir(join(directory, '2023'), { recursive: true });
  await mkdir(join(directory, '2024/summer'), { recursive: true });
  // A photo is to a compressor what a stream of digests is: bytes without a pattern.
  const photo = (seed: number): Buffer =>
    Buffer.concat(Array.from({ length: 8_000 }, (_, index) => createHash('sha256').update(`${seed}:${index}`).digest()));
  for (let index = 0; index < 12; index++)
    await writeFile(join(directory, index % 3 === 0 ? '2023' : '2024/summer', `IMG_${1000 + index}.jpg`), photo(index));
  await writeFile(join(directory, 'notes.txt'), 'Grandma, 80th birthday: IMG_1003 to IMG_1007\n');
  await writeFile(join(directory, '2024/Überraschung & "Feier".txt'), 'psst\n');
  await symlink('2024/summer', join(directory, 'latest'));
}

async function writeConfiguration(cluster: PostgresCluster): Promise<void> {
  const file = join(home, 'holdfast.yaml');
  await writeFile(
    file,
    `plans:
  home:
    sources:
      - { kind: postgres, url: "\${env:DATABASE_URL}" }
      - { kind: files, paths: [./photos] }
    stores:
      - { kind: local, path: ./backups, keep: { last: 7, daily: 14, monthly: 12 } }
    drill: { every: week }
    objectives: { rpo: "26h", rto: "30m" }
`,
  );
  environment['DATABASE_URL'] = cluster.url('shop');
}

async function step(title: string, args: readonly string[]): Promise<void> {
  console.log(bold(title));
  console.log(faint(`  $ holdfast ${args.join(' ')}`));
  const { exitCode } = await run(args, 'shown');
  if (exitCode !== 0) throw new Error(`holdfast ${args[0]} ended with status ${exitCode}`);
  console.log('');
}

async function newestSnapshot(): Promise<string> {
  const { output } = await run(['list', '--json'], 'kept');
  const [newest] = JSON.parse(output) as { readonly id: string }[];
  if (newest === undefined) throw new Error('there is no snapshot after a backup');
  return newest.id;
}

async function run(
  args: readonly string[],
  output: 'shown' | 'kept',
): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  const child = spawn(holdfast, args, {
    env: environment,
    cwd: home,
    stdio: ['ignore', output === 'shown' ? 'inherit' : 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { exitCode, output: Buffer.concat(chunks).toString() };
}

interface Fingerprint {
  readonly orders: string;
  readonly customers: string;
  readonly files: ReadonlyMap<string, string>;
}

async function fingerprint(cluster: PostgresCluster): Promise<Fingerprint> {
  const [row] = await cluster.query<{ orders: string; customers: string }>(
    'shop',
    'SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM customers) AS customers',
  );
  if (row === undefined) throw new Error('the shop does not answer');
  const files = new Map<string, string>();
  const entries = await readdir(join(home, 'photos'), { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile())
      files.set(
        relative(home, path),
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      );
  }
  return { ...row, files };
}

function requireEqual(expected: Fingerprint, found: Fingerprint): void {
  const flat = ({ orders, customers, files }: Fingerprint): string =>
    JSON.stringify([orders, customers, [...files].map(([path, digest]) => `${path} ${digest}`).toSorted((a, b) => a.localeCompare(b))]);
  if (flat(expected) !== flat(found)) throw new Error('what was restored is not what was backed up');
}

function bold(text: string): string {
  return paint(text, 1);
}

function faint(text: string): string {
  return paint(text, 2);
}

function green(text: string): string {
  return paint(text, 32);
}

function paint(text: string, code: number): string {
  return process.stdout.isTTY ? `\u001b[${code}m${text}\u001b[0m` : text;
}
