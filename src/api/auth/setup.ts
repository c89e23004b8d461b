import { HoldfastError } from '../../domain/errors.ts';
import { createUser, hashOfSecret, newSecret, writeDown } from '../../operations/accounts.ts';
import type { AccessContext } from './access-context.ts';
import type { Visit } from './session.ts';
import type { SignIn } from './sign-in.ts';

const validMs = 24 * 3_600_000;

/**
 * The part of the one-time link behind the service's own address with which the administrator is created; null when there is a
 * user already. The secret is in the fragment, which browsers keep out of requests and logs. Each call voids the link before.
 */
export async function setupPath({ state, clock }: Pick<AccessContext, 'state' | 'clock'>): Promise<string | null> {
  if ((await state.accounts.countUsers()) > 0) {
    await state.accounts.setSetupLink(null);
    return null;
  }
  const token = newSecret();
  const expiresAt = new Date(clock.now().getTime() + validMs);
  await state.accounts.setSetupLink({ tokenHash: hashOfSecret(token), expiresAt });
  return `/setup#${token}`;
}

/** Creates the administrator and signs in. Throws `USAGE` when there is a user already, `SIGN_IN_FAILED` for a link that is not valid. */
export async function setUp(
  context: AccessContext,
  signIn: SignIn,
  { token, name, password, visit }: { readonly token: string; readonly name: string; readonly password: string; readonly visit: Visit },
): Promise<string> {
  if ((await context.state.accounts.countUsers()) > 0) throw setUpAlready();
  const take = async () => ((await context.state.accounts.takeSetupLink(hashOfSecret(token), context.clock.now())) ? true : undefined);
  const isValid = await signIn.limits.attempt({ name: null, address: visit.address }, take, async () => undefined);
  if (isValid === undefined) {
    await signIn.refused(name, visit, 'setup');
    throw linkRefused();
  }
  const user = await createUser(context, { name, role: 'administrator', password });
  const actor = { name, kind: 'anonymous', address: visit.address } as const;
  const details = { id: user.id, role: 'administrator', how: 'setup' };
  await writeDown(context, actor, { act: 'user-create', target: name, result: 'done', details });
  return signIn.begin(user, visit, 'setup');
}

function setUpAlready(): HoldfastError {
  return new HoldfastError('USAGE', 'Cannot set up the service: it has an administrator already', {
    hint: 'Sign in; who cannot is helped by holdfast user reset-password NAME',
  });
}

function linkRefused(): HoldfastError {
  return new HoldfastError('SIGN_IN_FAILED', 'Cannot take this link: it is used, expired, or a newer one was printed', {
    hint: 'Restart the service and open the link that it prints, within 24 hours',
  });
}
