import type { PlanEncryption } from '../domain/plan.ts';
import { secretVariable } from '../platform/secret-variable.ts';

/**
 * The keys that `BACKUP_AGE_IDENTITY` and `BACKUP_AGE_PASSPHRASE` hold, or the files that the same with `_FILE` name, for
 * opening snapshots on a machine without their plan. Throws `SECRET_MISSING` for a file that cannot be read.
 */
export function keysFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Pick<PlanEncryption, 'identities' | 'passphrase'> {
  const identity = secretVariable(environment, 'BACKUP_AGE_IDENTITY');
  return { identities: identity === null ? [] : [identity], passphrase: secretVariable(environment, 'BACKUP_AGE_PASSPHRASE') };
}
