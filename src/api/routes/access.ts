import type { AccessContext } from '../auth/access-context.ts';
import { LeaveChanges } from '../auth/leave-changes.ts';
import { Oidc } from '../auth/oidc.ts';
import { Passkeys } from '../auth/passkeys.ts';
import { SignIn } from '../auth/sign-in.ts';
import type { AnyRoute } from '../route.ts';
import { accountRoutes } from './account.ts';
import { auditRoutes } from './audit.ts';
import { peopleRoutes } from './people.ts';
import { sessionRoutes } from './session.ts';
import { tokenRoutes } from './tokens.ts';

/** Who may come in, what they may do, and what they did. */
export function accessRoutes(context: AccessContext): readonly AnyRoute[] {
  const signIn = new SignIn(context);
  const changes = new LeaveChanges(context);
  const ways = { signIn, oidc: new Oidc(context, signIn, changes), passkeys: new Passkeys(context, signIn) };
  return [
    ...sessionRoutes(context, ways),
    ...accountRoutes(context, ways),
    ...peopleRoutes(context, changes),
    ...tokenRoutes(context),
    ...auditRoutes(context),
  ];
}
