import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../src/domain/manifest.ts';
import { filesIn, readJson } from './holdfast.ts';

/** What lies in a local store, found out without any code of Holdfast's. */
export interface StoreState {
  readonly manifests: readonly Manifest[];
  /** Snapshots whose parts are missing or are not what the manifest says. */
  readonly damaged: readonly string[];
  /** Files that belong to no snapshot. */
  readonly debris: readonly string[];
}

const manifestSuffix = '.manifest.json';

export async function lookIntoStore(directory: string): Promise<StoreState> {
  const names = await filesIn(directory);
  const manifests: Manifest[] = [];
  for (const name of names) if (name.endsWith(manifestSuffix)) manifests.push(await readJson<Manifest>(join(directory, name)));
  const owned = new Set(manifests.flatMap(({ id, parts }) => [id + manifestSuffix, ...parts.map((part) => part.name)]));
  const damaged: string[] = [];
  for (const manifest of manifests) {
    for (const part of manifest.parts) {
      const bytes = names.includes(part.name) ? await readFile(join(directory, part.name)) : null;
      if (bytes?.length !== part.sizeBytes || sha256(bytes) !== part.sha256) damaged.push(`${manifest.id}: ${part.name}`);
    }
  }
  return { manifests, damaged, debris: names.filter((name) => !owned.has(name)) };
}

/** Every file of a store with its digest, to see that nothing was touched. */
export async function digestsOf(directory: string): Promise<ReadonlyMap<string, string>> {
  const entries = (await filesIn(directory)).map(async (name) => [name, sha256(await readFile(join(directory, name)))] as const);
  return new Map(await Promise.all(entries));
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
