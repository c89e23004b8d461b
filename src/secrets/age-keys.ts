import { readFile } from 'node:fs/promises';
import { HoldfastError } from '../domain/errors.ts';
import type { PlanEncryption } from '../domain/plan.ts';
import { Secret } from '../domain/secret.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The keys that `BACKUP_AGE_IDENTITY_FILE` and `BACKUP_AGE_PASSPHRASE[_FILE]` name, for opening snapshots on a machine
 * without their plan. Throws `SECRET_MISSING` for a file that cannot be read.
 */
export async function keysFromEnvironment(environment: Environment): Promise<Pick<PlanEncryption, 'identities' | 'passphrase'>> {
  const identity = await fileOf(environment, 'BACKUP_AGE_IDENTITY_FILE');
  const passphrase = environment['BACKUP_AGE_PASSPHRASE'];
  const fromFile = await fileOf(environment, 'BACKUP_AGE_PASSPHRASE_FILE');
  return {
    identities: identity === undefined ? [] : [identity],
    passphrase: fromFile ?? (passphrase === undefined || passphrase === '' ? null : new Secret(passphrase, 'env:BACKUP_AGE_PASSPHRASE')),
  };
}

async function fileOf(environment: Environment, variable: string): Promise<Secret | undefined> {
  const path = environment[variable];
  if (path === undefined || path === '') return undefined;
  try {
    return new Secret((await readFile(path, 'utf8')).replace(/\r?\n$/, ''), `file:${path}`);
  } catch (cause) {
    throw new HoldfastError('SECRET_MISSING', `Cannot read the file "${path}" that ${variable} names`, {
      hint: `Put the key there, readable by the user who runs holdfast, or correct ${variable}`,
      cause,
    });
  }
}
