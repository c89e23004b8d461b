import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { HoldfastError } from '../domain/errors.ts';
import type { Seal } from '../ports/credentials.ts';
import { writeNewFile } from './atomic-file.ts';
import { isSystemError } from './system-error.ts';

const algorithm = 'aes-256-gcm';
const keyForm = /^[0-9a-f]{64}$/u;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * The key of this installation, in a file for its owner alone that is made when it does not exist. It seals what must be read
 * again; whoever has the file can open what it sealed. Throws `STATE_UNREADABLE`.
 */
export async function openServiceKey(file: string): Promise<Seal> {
  try {
    return sealWith(Buffer.from(await readOrCreate(file), 'hex'));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw unusable(file, error.message, error);
  }
}

/** Two processes may come first at the same time: one writes, both read what it wrote. */
async function readOrCreate(file: string): Promise<string> {
  try {
    await writeNewFile(file, `${randomBytes(32).toString('hex')}\n`);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
  const text = (await readFile(file, 'utf8')).trim();
  if (!keyForm.test(text)) throw unusable(file, 'it does not hold a key');
  return text;
}

function sealWith(key: Buffer): Seal {
  return {
    seal(text) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce);
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
    },
    unseal(sealed) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < nonceBytes + tagBytes) return null;
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      const text = decipher.update(bytes.subarray(nonceBytes + tagBytes));
      return authentic(() => Buffer.concat([text, decipher.final()]).toString('utf8'));
    },
  };
}

/** What another key sealed, or somebody changed, fails at its end. */
function authentic(finish: () => string): string | null {
  try {
    return finish();
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

function unusable(file: string, problem: string, cause?: unknown): HoldfastError {
  return new HoldfastError('STATE_UNREADABLE', `Cannot use the key of the service "${file}": ${problem}`, {
    hint: 'Give the user who runs Holdfast the right to read it; when it is lost, remove it: those who use one-time codes set them up again',
    cause,
  });
}
