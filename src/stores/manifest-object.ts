import { createHash } from 'node:crypto';
import { HoldfastError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** Writes and reads the stored form of a manifest. `decode` throws `MANIFEST_INVALID`, naming `where`. */
export interface ManifestCodec {
  encode(manifest: Manifest): Uint8Array;
  decode(bytes: Uint8Array, where: string): Manifest;
}

/** Far beyond any manifest, and little enough to be held in memory: whoever can write to a store must not exhaust that. */
const recordLimitBytes = 256 * 1024 * 1024;

/** A whole small object. Throws `OBJECT_MISSING`, or `MANIFEST_INVALID` when it is too large to be a record of ours. */
export async function readRecord(objects: ObjectStore, name: string, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of objects.get(name, { sizeBytes: recordLimitBytes + 1, signal })) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
  }
  if (sizeBytes <= recordLimitBytes) return Buffer.concat(chunks);
  throw new HoldfastError('MANIFEST_INVALID', `Cannot read "${name}": it is larger than any manifest`, {
    hint: 'Restore the file from another copy of the store',
  });
}

export async function* inOneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
