import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { configSchema } from '../src/config/config-schema.ts';
import { programVariables } from '../src/config/environment-names.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { readTextFile } from '../src/platform/text-file.ts';
import { openReferences } from '../src/secrets/references.ts';
import { notifierDescriptors } from '../src/notifiers/registry.ts';
import { sourceDescriptors } from '../src/sources/registry.ts';
import { storeDescriptors } from '../src/stores/registry.ts';
import { configReference } from './config-reference.ts';

const root = join(import.meta.dirname, '..');
const registries = { sources: sourceDescriptors, stores: storeDescriptors, notifiers: notifierDescriptors };

describe('the published pages', () => {
  // After a change of a schema: npx vitest run test/config-docs.test.ts -u
  test('docs/formats/config.schema.json is the schema of this version', async () => {
    await expect(`${JSON.stringify(configSchema(registries), null, 2)}\n`).toMatchFileSnapshot(
      join(root, 'docs/formats/config.schema.json'),
    );
  });

  test('docs/formats/config.md describes the schema of this version', async () => {
    await expect(configReference()).toMatchFileSnapshot(join(root, 'docs/formats/config.md'));
  });
});

describe('the JSON Schema', () => {
  const accepts = new Ajv2020({ strict: true, strictRequired: false, allErrors: true, allowUnionTypes: true }).compile(
    configSchema(registries),
  );
  const examples = join(root, 'test/fixtures/config/examples');
  const files = readdirSync(examples).filter((file) => file.endsWith('.yaml'));

  test('has examples to be tested with', () => {
    expect(files.length).toBeGreaterThan(3);
  });

  test.each(files)('accepts %s, and so does Holdfast', async (file) => {
    accepts(parse(readFileSync(join(examples, file), 'utf8')));
    expect(accepts.errors).toBeNull();
    const environment = { DATABASE_URL: 'postgres://app:pw@db/shop', PGPASSWORD: 'pw', PASSPHRASE: 'correct horse', BACKUP_ROOT: '/mnt' };
    const references = openReferences({ environment, readFile: readTextFile });
    const loaded = await loadConfig({
      file: join(examples, file),
      cwd: examples,
      environment,
      ...registries,
      readFile: readTextFile,
      references,
    });
    expect([...loaded.plans.keys()].length).toBeGreaterThan(0);
  });

  test.each([
    ['an unknown key', 'plans: { a: { sources: [{ kind: postgres }], stores: [{ kind: local, path: /b }], quiesce: {} } }'],
    ['an unknown kind', 'plans: { a: { sources: [{ kind: oracle }], stores: [{ kind: local, path: /b }] } }'],
    ['a key of another kind', 'plans: { a: { sources: [{ kind: postgres, path: /x }], stores: [{ kind: local, path: /b }] } }'],
    ['a store without a place', 'plans: { a: { sources: [{ kind: postgres }], stores: [{ kind: local }] } }'],
    ['no stores', 'plans: { a: { sources: [{ kind: postgres }], stores: [] } }'],
    ['a plan name with a space', 'plans: { "a b": { sources: [{ kind: postgres }], stores: [{ kind: local, path: /b }] } }'],
    ['a wrong layout', 'plans: { a: { sources: [{ kind: postgres }], stores: [{ kind: local, path: /b }], layout: zip } }'],
    ['negative retention', 'plans: { a: { sources: [{ kind: postgres }], stores: [{ kind: local, path: /b, keep: { last: -1 } }] } }'],
    ['no plans', '{}'],
  ])('refuses %s', (_, text) => {
    expect(accepts(parse(text))).toBe(false);
  });
});

test('every HOLDFAST_ variable that the program reads is known to it', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  const texts = [...sources.map((file) => join(root, 'src', file)), join(root, 'bin/holdfast')].map((path) => readFileSync(path, 'utf8'));
  const read = texts.flatMap((text) => Array.from(text.matchAll(/\bHOLDFAST_(?!BENCH_|TEST_|DEMO_)[A-Z_]+/gu), ([name]) => name));
  expect([...new Set(read)].toSorted()).toEqual([...programVariables].toSorted());
});
