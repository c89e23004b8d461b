import { HoldfastError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Plan } from '../domain/plan.ts';
import type { Cipher } from '../ports/cipher.ts';
import { cipherFor, type OperationContext } from './context.ts';

/*
 * What a manifest says of an encrypted snapshot's content (names of tables and folders, row counts, digests of plain
 * bytes, paths that could not be read) is as private as the content: it is encrypted with it, inside the manifest.
 */

/** The manifest as it is stored. */
export async function sealManifest(manifest: Manifest, cipher: Cipher | null): Promise<Manifest> {
  if (cipher === null) return manifest;
  const { units, issues } = manifest;
  const sealed = await gather(cipher.encrypt(inOneChunk(Buffer.from(JSON.stringify({ units, issues })))));
  return { ...manifest, units: [], issues: [], sealed: sealed.toString('base64') };
}

/** The manifest with everything it holds. Throws `KEY_MISSING`, `KEY_REJECTED`, or `MANIFEST_INVALID` when it was altered. */
export async function unsealManifest(manifest: Manifest, cipher: Cipher | null): Promise<Manifest> {
  if (manifest.sealed === null) return manifest;
  if (cipher === null || !cipher.canDecrypt) throw keyMissing(manifest.id);
  try {
    const plain = await gather(cipher.decrypt(inOneChunk(Buffer.from(manifest.sealed, 'base64'))));
    const { units, issues } = JSON.parse(plain.toString()) as Pick<Manifest, 'units' | 'issues'>;
    return { ...manifest, units, issues, sealed: null };
  } catch (error) {
    if (error instanceof HoldfastError && error.code !== 'ARCHIVE_CORRUPT') throw error;
    throw new HoldfastError('MANIFEST_INVALID', `Cannot read manifest "${manifest.id}": its encrypted part was altered`, {
      hint: 'Restore the file from another copy of the store',
      cause: error,
    });
  }
}

/** The same, with the cipher that the plan (or the environment) has keys for. */
export async function unsealed(
  manifest: Manifest,
  plan: Plan | null,
  context: OperationContext,
): Promise<{ readonly manifest: Manifest; readonly cipher: Cipher | null }> {
  const cipher = await cipherFor(manifest, plan, context);
  return { manifest: await unsealManifest(manifest, cipher), cipher };
}

function keyMissing(id: string): HoldfastError {
  return new HoldfastError('KEY_MISSING', `Cannot read snapshot "${id}": it is encrypted and no key is configured here`, {
    hint: 'Name the age identity file in the plan (encryption: identity: …) or set BACKUP_AGE_IDENTITY_FILE, then run the command again',
  });
}

async function* inOneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function gather(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}
