import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { architectureRules } from './architecture/rules.ts';
import { readArchitecture } from './architecture/violations.ts';

const root = join(import.meta.dirname, '..');
const clockOrChance = /\bnew Date\(\)|\bDate\.now\(|\bMath\.random\(|\bperformance\.now\(/;

describe('the architecture', () => {
  test('has every module of src under its eyes', async () => {
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
    const onDisk = files.filter((file) => /\.tsx?$/.test(file)).map((file) => `src/${file}`);
    const { modules } = await readArchitecture(root);
    expect(modules.length).toBeGreaterThan(30);
    expect(modules).toEqual(onDisk.toSorted());
  });

  test('is as the rules say', async () => {
    expect((await readArchitecture(root)).violations).toEqual([]);
  });

  test('reads no clock and throws no dice outside platform', async () => {
    const { modules } = await readArchitecture(root);
    const watched = modules.filter((path) => !/^src\/(platform\/|main\.ts|web\/clock\.ts)|\.test\.tsx?$/.test(path));
    expect(watched.filter((path) => clockOrChance.test(readFileSync(join(root, path), 'utf8')))).toEqual([]);
  });
});

/** For each rule the smallest breach of it: who imports what. A bare name is a package or a module of Node. */
const breaches: Readonly<Record<string, readonly [importer: string, imported: string]>> = {
  'domain-imports-inward': ['src/domain/a.ts', 'src/ports/b.ts'],
  'ports-imports-inward': ['src/ports/a.ts', 'src/pipeline/b.ts'],
  'pipeline-imports-inward': ['src/pipeline/a.ts', 'src/platform/b.ts'],
  'operations-imports-inward': ['src/operations/a.ts', 'src/stores/local/local-store.ts'],
  'platform-imports-inward': ['src/platform/a.ts', 'src/pipeline/b.ts'],
  'history-imports-inward': ['src/history/a.ts', 'src/operations/b.ts'],
  'state-imports-inward': ['src/state/a.ts', 'src/operations/b.ts'],
  'secrets-imports-inward': ['src/secrets/a.ts', 'src/config/b.ts'],
  'config-imports-inward': ['src/config/a.ts', 'src/stores/registry.ts'],
  'scheduler-imports-inward': ['src/scheduler/a.ts', 'src/cli/b.ts'],
  'cli-imports-inward': ['src/cli/a.ts', 'src/stores/registry.ts'],
  'api-imports-inward': ['src/api/a.ts', 'src/history/b.ts'],
  'bot-imports-inward': ['src/bot/a.ts', 'src/api/b.ts'],
  'domain-uses-no-package': ['src/domain/a.ts', 'zod'],
  'ports-uses-no-package': ['src/ports/a.ts', 'zod'],
  'pipeline-uses-no-package': ['src/pipeline/a.ts', 'zod'],
  'operations-uses-no-package': ['src/operations/a.ts', 'zod'],
  'domain-is-pure': ['src/domain/a.ts', 'node:buffer'],
  'ports-is-pure': ['src/ports/a.ts', 'node:buffer'],
  'pipeline-is-pure': ['src/pipeline/a.ts', 'node:fs'],
  'operations-is-pure': ['src/operations/a.ts', 'node:child_process'],
  'adapter-imports-inward': ['src/stores/local/a.ts', 'src/operations/b.ts'],
  'adapter-knows-no-other-adapter': ['src/stores/sftp/a.ts', 'src/stores/local/local-store.ts'],
  'adapter-is-entered-by-its-descriptor': ['src/main.ts', 'src/stores/local/atomic.ts'],
  'descriptor-is-named-in-its-registry-only': ['src/cli/a.ts', 'src/stores/local/local-store.ts'],
  'adapters-meet-in-main': ['src/platform/a.ts', 'src/history/b.ts'],
  'web-knows-the-contract-only': ['src/web/a.ts', 'src/domain/b.ts'],
  'main-is-imported-by-nobody': ['src/cli/a.ts', 'src/main.ts'],
  'composition-is-imported-by-nobody': ['src/cli/a.ts', 'src/world.ts'],
  'product-imports-no-test-code': ['src/domain/a.ts', 'src/domain/b.test.ts'],
  'product-imports-its-own-dependencies': ['src/platform/a.ts', 'fast-check'],
  'every-import-is-found': ['src/domain/a.ts', './gone.ts'],
  'no-import-goes-in-circles': ['src/domain/a.ts', 'src/domain/a.ts'],
};

/** Imports that the rules must let pass: the same, one of each sort. */
const allowed: readonly (readonly [importer: string, imported: string])[] = [
  ['src/main.ts', 'src/world.ts'],
  ['src/world.ts', 'src/stores/registry.ts'],
  ['src/main.ts', 'src/sources/files/tree-target.ts'],
  ['src/main.ts', 'src/history/history.ts'],
  ['src/stores/registry.ts', 'src/stores/local/local-store.ts'],
  ['src/stores/local/local-store.ts', 'src/stores/local/objects.ts'],
  ['src/stores/local/objects.ts', 'src/platform/atomic-file.ts'],
  ['src/stores/local/local.test.ts', 'src/stores/registry.ts'],
  ['src/cli/backup.ts', 'src/operations/back-up.ts'],
  ['src/operations/back-up.ts', 'src/pipeline/tar.ts'],
  ['src/pipeline/tar.ts', 'node:zlib'],
  ['src/platform/process.ts', 'zod'],
];

describe('the rules', () => {
  test('each have a breach here', () => {
    expect(Object.keys(breaches).toSorted()).toEqual(architectureRules.map((rule) => String(rule.name)).toSorted());
  });

  test.each(Object.entries(breaches))('%s notices its breach', async (rule, breach) => {
    const violations = await violationsOf([breach]);
    expect(violations.filter((violation) => violation.startsWith(`${rule}: ${breach[0]} `))).not.toEqual([]);
  });

  test('let an orderly program pass', async () => {
    expect(await violationsOf(allowed)).toEqual([]);
  });

  test('see an import inside await using', async () => {
    const text = "export async function a() {\n  await using b = await import('../stores/b.ts');\n  return b;\n}\n";
    expect(await violationsIn({ 'src/domain/a.ts': text, 'src/stores/b.ts': '' })).toContain(
      'domain-imports-inward: src/domain/a.ts → src/stores/b.ts',
    );
  });
});

function violationsOf(imports: readonly (readonly [string, string])[]): Promise<readonly string[]> {
  const files: Record<string, string> = {};
  for (const [importer, imported] of imports) {
    const isPath = imported.startsWith('src/');
    const specifier = isPath ? relative(dirname(importer), imported).replace(/^(?!\.)/, './') : imported;
    files[importer] = `${files[importer] ?? ''}import '${specifier}';\n`;
    if (isPath) files[imported] ??= '';
  }
  return violationsIn(files);
}

async function violationsIn(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-architecture-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    const manifest = { dependencies: { zod: '*' }, devDependencies: { 'fast-check': '*' } };
    for (const [path, text] of Object.entries({ ...files, 'package.json': JSON.stringify(manifest) })) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    return (await readArchitecture(directory)).violations;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
