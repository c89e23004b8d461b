import { HoldfastError } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import type { StoredUser } from '../../ports/service-state.ts';
import type { AccessContext } from '../auth/access-context.ts';

/** The user who is signed in, and by which session. Throws `FORBIDDEN` for a token: it is nobody's account. */
export async function ownUser(
  { state }: Pick<AccessContext, 'state'>,
  principal: Principal | null,
): Promise<{ readonly user: StoredUser; readonly sessionId: string }> {
  const user = principal?.kind === 'user' ? await state.accounts.userById(principal.id) : undefined;
  if (principal?.kind === 'user' && user !== undefined) return { user, sessionId: principal.sessionId };
  throw new HoldfastError('FORBIDDEN', 'Only who is signed in may do this: a token has no account of its own', {
    hint: 'Sign in on the dashboard, and do it under Account',
  });
}
