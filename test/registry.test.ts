import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import type { EnvironmentSetting } from '../src/ports/descriptor.ts';
import { keysAt } from '../src/config/schema-walk.ts';
import { notifySchema, sourceSchema, storeSchema } from '../src/config/plan-schema.ts';
import { notifierDescriptors } from '../src/notifiers/registry.ts';
import { sourceDescriptors } from '../src/sources/registry.ts';
import { storeDescriptors } from '../src/stores/registry.ts';

interface Descriptor {
  readonly kind: string;
  readonly title: string;
  readonly schema: z.ZodType;
  readonly environment?: readonly EnvironmentSetting[];
}

interface Registry {
  readonly folder: string;
  readonly entries: readonly Descriptor[];
  /** Keys that config gives to every kind: no kind may have one of its own by that name. */
  readonly commonKeys: readonly string[];
}

const registries: readonly Registry[] = [
  { folder: 'sources', entries: sourceDescriptors, commonKeys: Object.keys(sourceSchema.shape) },
  { folder: 'stores', entries: storeDescriptors, commonKeys: Object.keys(storeSchema.shape) },
  { folder: 'notifiers', entries: notifierDescriptors, commonKeys: Object.keys(notifySchema.shape) },
];

/** Folders with code in them: an empty one is nothing to git either. */
function foldersIn(folder: string): string[] {
  const path = join(import.meta.dirname, '..', 'src', folder);
  const directories = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return directories.map(({ name }) => name).filter((name) => readdirSync(join(path, name)).some((file) => file.endsWith('.ts')));
}

describe.each(registries)('the registry of $folder', ({ folder, entries, commonKeys }) => {
  test('names every folder that has a kind in it, once, under its own name', () => {
    const kinds = entries.map(({ kind }) => kind);
    expect(kinds.toSorted()).toEqual(
      foldersIn(folder)
        .filter((name) => name !== 'wrappers')
        .toSorted(),
    );
  });

  test('holds descriptors whose keys do not clash with those that every kind has', () => {
    const clashes = entries.flatMap(({ schema }) => keysAt(schema, []).filter((key) => commonKeys.includes(key)));
    expect(clashes).toEqual([]);
  });

  test('holds descriptors with a title and an explanation of every key', () => {
    const bare = entries.flatMap(({ kind, title, schema }) => {
      const keys = keysAt(schema, []).filter((key) => describedAt(schema, key) === undefined);
      return [...(title === '' ? [kind] : []), ...keys.map((key) => `${kind}.${key}`)];
    });
    expect(bare).toEqual([]);
  });
});

test('variables of all kinds are different, and set keys that exist', () => {
  const settings = registries.flatMap(({ entries }) =>
    entries.flatMap(({ schema, environment = [] }) => environment.map((setting) => ({ schema, ...setting }))),
  );
  const names = settings.map(({ variable }) => variable);
  expect(names).toEqual([...new Set(names)]);
  expect(settings.filter(({ schema, key }) => key !== null && !keysAt(schema, []).includes(key)).map(({ variable }) => variable)).toEqual(
    [],
  );
});

function describedAt(schema: z.ZodType, key: string): string | undefined {
  const shape = 'shape' in schema ? (schema.shape as Readonly<Record<string, z.ZodType>>) : {};
  return innermostDescription(shape[key]);
}

/** A description stands on the field or on what its `optional` or `default` wraps. */
function innermostDescription(schema: z.ZodType | undefined): string | undefined {
  if (schema === undefined) return undefined;
  const { innerType } = schema._zod.def as { readonly innerType?: z.ZodType };
  return schema.description ?? innermostDescription(innerType);
}
