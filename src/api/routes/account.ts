import type { RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import { HoldfastError } from '../../domain/errors.ts';
import { hashOfPassword } from '../../operations/accounts.ts';
import type { Passkey, StoredUser } from '../../ports/service-state.ts';
import type { AccessContext } from '../auth/access-context.ts';
import { csrfToken, endOtherSessions, sessionToken } from '../auth/session.ts';
import { wrongCredentials } from '../auth/sign-in.ts';
import { TotpSetup } from '../auth/totp-setup.ts';
import {
  me,
  passkey as passkeyReply,
  passkeyOptions,
  passkeyRequest,
  passwordRequest,
  totpEndRequest,
  totpRequest,
  totpStart,
} from '../contract.ts';
import { type AnyRoute, route } from '../route.ts';
import { ownUser } from './own-user.ts';
import type { WaysIn } from './session.ts';

/** What everybody may do about themselves. */
export function accountRoutes(context: AccessContext, ways: WaysIn): readonly AnyRoute[] {
  return [meRoute(context), passwordRoute(context, ways), ...totpRoutes(context, ways), ...passkeyRoutes(context, ways)];
}

function meRoute({ state }: AccessContext): AnyRoute {
  return route({
    method: 'GET',
    path: '/api/v1/me',
    id: 'whoAmI',
    group: 'access',
    summary: 'Who is asking, and what they may do; for a session, the X-CSRF-Token that each act has to carry',
    needs: 'viewer',
    replies: { 200: me },
    handle: async (input) => {
      const { principal } = input;
      if (principal?.kind !== 'user') {
        const plans = principal?.kind === 'token' ? principal.plans : null;
        const { name, role } = principal ?? { name: '', role: 'viewer' };
        return { status: 200, body: { name, kind: 'token', role, plans, csrf: null, totp: false, passkeys: [] } };
      }
      const { name, role, id } = principal;
      const token = sessionToken(input);
      const csrf = token === undefined ? null : csrfToken(token);
      const totp = (await state.accounts.userById(id))?.hasTotp ?? false;
      const passkeys = (await state.accounts.passkeysOf(id)).map(shownPasskey);
      return { status: 200, body: { name, kind: 'user', role, plans: null, csrf, totp, passkeys } };
    },
  });
}

function passwordRoute(context: AccessContext, { signIn }: WaysIn): AnyRoute {
  return route({
    method: 'POST',
    path: '/api/v1/me/password',
    id: 'changePassword',
    group: 'access',
    summary: 'Change one’s own password; every other session ends',
    needs: 'viewer',
    body: passwordRequest,
    replies: { 204: null },
    act: 'password-change',
    handle: async (input) => {
      const { user, sessionId } = await ownUser(context, input.principal);
      await requirePassword(user, input.body.current, () => signIn.isPassword(user, input.body.current, input.address));
      const passwordHash = await hashOfPassword(input.body.next, context.passwords);
      await context.state.accounts.updateUser(user.id, { passwordHash });
      await endOtherSessions(context, user.id, sessionId);
      return { status: 204, audited: { target: user.name } };
    },
  });
}

function totpRoutes(context: AccessContext, { signIn }: WaysIn): readonly AnyRoute[] {
  const setup = new TotpSetup(context);
  return [
    route({
      method: 'POST',
      path: '/api/v1/me/totp',
      id: 'beginTotp',
      group: 'access',
      summary: 'Make a secret for an authenticator app; it counts once a code of it is confirmed',
      needs: 'viewer',
      replies: { 201: totpStart },
      handle: async ({ principal }) => {
        const { user } = await ownUser(context, principal);
        if (user.hasTotp) throw totpIsOn();
        return { status: 201, body: setup.begin(user) };
      },
    }),
    route({
      method: 'PUT',
      path: '/api/v1/me/totp',
      id: 'confirmTotp',
      group: 'access',
      summary: 'Switch on one-time codes: from now on they are asked for at sign-in',
      needs: 'viewer',
      body: totpRequest,
      replies: { 204: null },
      act: 'totp-on',
      handle: async ({ principal, body }) => {
        const { user } = await ownUser(context, principal);
        if (user.hasTotp) throw totpIsOn();
        await setup.confirm(user, body.code);
        return { status: 204, audited: { target: user.name } };
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/me/totp',
      id: 'endTotp',
      group: 'access',
      summary: 'Switch off one-time codes',
      needs: 'viewer',
      body: totpEndRequest,
      replies: { 204: null },
      act: 'totp-off',
      handle: async ({ principal, body, address }) => {
        const { user } = await ownUser(context, principal);
        await requirePassword(user, body.password, () => signIn.isPassword(user, body.password, address));
        await context.state.accounts.updateUser(user.id, { totpSecret: null });
        return { status: 204, audited: { target: user.name } };
      },
    }),
  ];
}

const passkeyParams = z.object({ id: z.string().min(1).max(512) });

function passkeyRoutes(context: AccessContext, { passkeys }: WaysIn): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/me/passkeys/options',
      id: 'passkeyOptions',
      group: 'access',
      summary: 'What to ask the authenticators of this device with, to make a passkey',
      needs: 'viewer',
      replies: { 200: passkeyOptions },
      handle: async (input) => {
        const { user } = await ownUser(context, input.principal);
        return { status: 200, body: await passkeys.registrationOptions(user, input) };
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/me/passkeys',
      id: 'addPasskey',
      group: 'access',
      summary: 'Keep a passkey that a device made',
      needs: 'viewer',
      body: passkeyRequest,
      replies: { 201: passkeyReply },
      act: 'passkey-add',
      handle: async ({ principal, body, origin }) => {
        const { user } = await ownUser(context, principal);
        const response = body.response as unknown as RegistrationResponseJSON;
        const passkey = await passkeys.register(user, { response, label: body.label, origin });
        return { status: 201, body: shownPasskey(passkey), audited: { target: user.name, details: { label: body.label } } };
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/me/passkeys/:id',
      id: 'removePasskey',
      group: 'access',
      summary: 'Remove a passkey of one’s own',
      needs: 'viewer',
      params: passkeyParams,
      replies: { 204: null },
      act: 'passkey-remove',
      handle: async ({ principal, params }) => {
        const { user } = await ownUser(context, principal);
        if (!(await context.state.accounts.removePasskey(user.id, params.id))) throw noSuchPasskey();
        return { status: 204, audited: { target: user.name } };
      },
    }),
  ];
}

/** Those who came by single sign-on have none, and nothing to prove with it. */
async function requirePassword(user: StoredUser, given: string, isRight: () => Promise<boolean>): Promise<void> {
  if (!user.hasPassword)
    throw new HoldfastError('USAGE', 'Cannot ask for the password of a user who has none', {
      hint: 'An administrator can give one: PATCH /api/v1/users/{id}',
    });
  if (given === '' || !(await isRight())) throw wrongCredentials();
}

function shownPasskey({ credentialId, label, createdAt, usedAt }: Passkey) {
  return { id: credentialId, label, createdAt: createdAt.toISOString(), usedAt: usedAt?.toISOString() ?? null };
}

function totpIsOn(): HoldfastError {
  return new HoldfastError('USAGE', 'Cannot make a new secret: one-time codes are switched on', {
    hint: 'Switch them off first: DELETE /api/v1/me/totp',
  });
}

function noSuchPasskey(): HoldfastError {
  return new HoldfastError('NOT_FOUND', 'Cannot remove this passkey: you have none of that id', {
    hint: 'See those you have: GET /api/v1/me',
  });
}
