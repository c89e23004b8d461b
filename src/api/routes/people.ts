import { z } from 'zod';
import { HoldfastError } from '../../domain/errors.ts';
import { createUser, resetPassword } from '../../operations/accounts.ts';
import type { StoredUser, User } from '../../ports/service-state.ts';
import type { AccessContext } from '../auth/access-context.ts';
import type { LeaveChanges } from '../auth/leave-changes.ts';
import { requireWholeLeave } from '../auth/whole-leave.ts';
import { page, user as userReply, userChange, userRequest } from '../contract.ts';
import { type AnyRoute, route } from '../route.ts';

const userParams = z.object({ id: z.uuid() });
const userPage = page('UserPage', userReply);

/** Who may sign in. */
export function peopleRoutes(context: AccessContext, changes: LeaveChanges): readonly AnyRoute[] {
  return [listRoute(context), createRoute(context), changeRoute(context, changes), removeRoute(context, changes)];
}

function listRoute({ state }: AccessContext): AnyRoute {
  return route({
    method: 'GET',
    path: '/api/v1/users',
    id: 'listUsers',
    group: 'access',
    summary: 'Everybody who may sign in',
    needs: 'administrator',
    replies: { 200: userPage },
    handle: async ({ principal }) => {
      requireWholeLeave(principal);
      return { status: 200, body: { items: (await state.accounts.users()).map(shownUser), next: null } };
    },
  });
}

/** Takes no idempotency key: what is kept for one would be a quick hash of the password. A name is given once anyhow. */
function createRoute(context: AccessContext): AnyRoute {
  return route({
    method: 'POST',
    path: '/api/v1/users',
    id: 'createUser',
    group: 'access',
    summary: 'Create a user who signs in with a password',
    needs: 'administrator',
    body: userRequest,
    replies: { 201: userReply },
    act: 'user-create',
    handle: async ({ principal, body }) => {
      requireWholeLeave(principal);
      const user = await createUser(context, body);
      const audited = { target: user.name, details: { id: user.id, role: user.role } };
      return { status: 201, body: shownUser(user), audited };
    },
  });
}

function changeRoute(context: AccessContext, changes: LeaveChanges): AnyRoute {
  return route({
    method: 'PATCH',
    path: '/api/v1/users/:id',
    id: 'changeUser',
    group: 'access',
    summary:
      'Give a user another role or password, disable or enable one; another role ends the sessions, and so does a new password, which also removes passkeys and one-time codes',
    needs: 'administrator',
    params: userParams,
    body: userChange,
    replies: { 200: userReply },
    act: 'user-change',
    handle: ({ principal, params, body }) =>
      changes.take(async () => {
        requireWholeLeave(principal);
        const before = await userOf(context, params.id);
        const losesLeave = body.disabled === true || (body.role !== undefined && body.role !== before.role);
        if (losesLeave && (body.disabled === true || body.role !== 'administrator')) await changes.requireAnotherAdministrator(before);
        const { password, ...shown } = body;
        await change(context, before, shown);
        const reset = password === undefined ? {} : { password: 'changed', removed: await resetPassword(context, before, password) };
        if (losesLeave) await context.state.accounts.endSessionsOf(before.id);
        const audited = { target: before.name, details: { id: before.id, ...shown, ...reset } };
        return { status: 200, body: shownUser(await userOf(context, params.id)), audited };
      }),
  });
}

async function change(
  { state, clock }: AccessContext,
  user: StoredUser,
  { role, disabled, resetTotp }: Omit<z.infer<typeof userChange>, 'password'>,
): Promise<void> {
  await state.accounts.updateUser(user.id, {
    ...(role !== undefined && { role }),
    ...(disabled !== undefined && { disabledAt: disabled ? (user.disabledAt ?? clock.now()) : null }),
    ...(resetTotp !== undefined && { totpSecret: null }),
  });
}

function removeRoute(context: AccessContext, changes: LeaveChanges): AnyRoute {
  return route({
    method: 'DELETE',
    path: '/api/v1/users/:id',
    id: 'deleteUser',
    group: 'access',
    summary: 'Remove a user, with sessions and passkeys',
    needs: 'administrator',
    params: userParams,
    replies: { 204: null },
    act: 'user-delete',
    handle: ({ principal, params }) =>
      changes.take(async () => {
        requireWholeLeave(principal);
        const user = await userOf(context, params.id);
        await changes.requireAnotherAdministrator(user);
        await context.state.accounts.deleteUser(user.id);
        return { status: 204, audited: { target: user.name, details: { id: user.id } } };
      }),
  });
}

async function userOf({ state }: AccessContext, id: string): Promise<StoredUser> {
  const user = await state.accounts.userById(id);
  if (user !== undefined) return user;
  throw new HoldfastError('NOT_FOUND', `There is no user of the id ${id}`, { hint: 'See who there is: GET /api/v1/users' });
}

function shownUser({ id, name, role, createdAt, disabledAt, hasPassword, hasTotp, passkeys, oidc }: User): z.infer<typeof userReply> {
  const disabled = disabledAt !== null;
  return {
    id,
    name,
    role,
    createdAt: createdAt.toISOString(),
    disabled,
    password: hasPassword,
    totp: hasTotp,
    passkeys,
    oidc: oidc !== null,
  };
}
