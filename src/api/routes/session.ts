import type { AuthenticationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import { type HoldfastError, isHoldfastError } from '../../domain/errors.ts';
import type { AccessContext } from '../auth/access-context.ts';
import type { Oidc } from '../auth/oidc.ts';
import { type Passkeys, takesPasskeys } from '../auth/passkeys.ts';
import { closedSession } from '../auth/session.ts';
import { setUp } from '../auth/setup.ts';
import type { SignIn } from '../auth/sign-in.ts';
import { passkeyOptions, passkeySignInRequest, sessionOptions, setupRequest, signInRequest } from '../contract.ts';
import { httpStatusOf } from '../http-status.ts';
import { type AnyRoute, route, type RouteReply } from '../route.ts';
import { ownUser } from './own-user.ts';

export interface WaysIn {
  readonly signIn: SignIn;
  readonly oidc: Oidc;
  readonly passkeys: Passkeys;
}

/** Signing in, in every way there is, and out. Each try is written into the audit where it is judged, with the name that was given. */
export function sessionRoutes(context: AccessContext, ways: WaysIn): readonly AnyRoute[] {
  return [optionsRoute(context), ...passwordRoutes(context, ways), signOutRoute(context), ...oidcRoutes(ways), ...passkeyRoutes(ways)];
}

function optionsRoute({ state, settings }: AccessContext): AnyRoute {
  return route({
    method: 'GET',
    path: '/api/v1/session/options',
    id: 'sessionOptions',
    group: 'access',
    summary: 'In which ways one can sign in here',
    needs: 'public',
    replies: { 200: sessionOptions },
    handle: async ({ origin }) => ({
      status: 200,
      body: {
        setup: settings.oidc === null && (await state.accounts.countUsers()) === 0,
        passwords: settings.passwords,
        oidc: settings.oidc === null ? null : { label: settings.oidc.buttonLabel },
        passkeys: takesPasskeys(origin),
      },
    }),
  });
}

function passwordRoutes(context: AccessContext, { signIn }: WaysIn): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/session',
      id: 'signIn',
      group: 'access',
      summary: 'Sign in with name and password; the reply sets a cookie',
      needs: 'public',
      body: signInRequest,
      replies: { 204: null },
      handle: async (input) => signedIn(await signIn.withPassword(input.body, input)),
    }),
    route({
      method: 'POST',
      path: '/api/v1/setup',
      id: 'setUp',
      group: 'access',
      summary: 'Create the administrator, with the one-time link that the service printed, and sign in',
      needs: 'public',
      body: setupRequest,
      replies: { 204: null },
      handle: async (input) => signedIn(await setUp(context, signIn, { ...input.body, visit: input })),
    }),
  ];
}

function signOutRoute(context: AccessContext): AnyRoute {
  return route({
    method: 'DELETE',
    path: '/api/v1/session',
    id: 'signOut',
    group: 'access',
    summary: 'Sign out: the session of the cookie ends',
    needs: 'viewer',
    replies: { 204: null },
    act: 'sign-out',
    handle: async (input) => {
      const { user, sessionId } = await ownUser(context, input.principal);
      await context.state.accounts.endSession(sessionId);
      return { status: 204, headers: { 'set-cookie': closedSession(input) }, audited: { target: user.name } };
    },
  });
}

const text = z.string().max(4096);

function oidcRoutes({ oidc }: WaysIn): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/session/oidc',
      id: 'beginSingleSignOn',
      group: 'access',
      summary: 'Go to the identity provider',
      needs: 'public',
      replies: { 302: null },
      handle: (input) => redirectOrPage(input.base, () => oidc.begin(input)),
    }),
    route({
      method: 'GET',
      path: '/api/v1/session/oidc/callback',
      id: 'finishSingleSignOn',
      group: 'access',
      summary: 'Come back from the identity provider',
      needs: 'public',
      query: z.looseObject({ code: text.optional(), state: text.optional(), iss: text.optional(), error: text.optional() }),
      replies: { 302: null },
      handle: (input) => redirectOrPage(input.base, () => oidc.finish(searchOf(input.query), input)),
    }),
  ];
}

/** What a browser sent along; what came twice is left out: no provider does. */
function searchOf(query: Readonly<Record<string, unknown>>): URLSearchParams {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return new URLSearchParams(pairs);
}

/** A person follows these links: what goes wrong is told on a page, in words. */
async function redirectOrPage(
  base: string,
  answer: () => Promise<{ readonly location: string; readonly cookie: string }>,
): Promise<RouteReply> {
  try {
    const { location, cookie } = await answer();
    return { status: 302, headers: { location, 'set-cookie': cookie } };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return { status: pageStatus(error), headers: { 'content-type': 'text/html; charset=utf-8' }, body: pageOf(error, base) };
  }
}

/** An identity provider that does not answer is a fault behind the service, and none of its own. */
function pageStatus({ code }: HoldfastError): number {
  return code === 'SERVER_UNREACHABLE' ? 502 : httpStatusOf(code);
}

function pageOf({ message, hint }: HoldfastError, base: string): string {
  const words = [message, hint].map((line) => `<p>${escaped(line)}</p>`).join('');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Holdfast</title><h1>Not signed in</h1>${words}<p><a href="${escaped(base)}/sign-in">Back to sign-in</a></p></html>`;
}

function escaped(line: string): string {
  return line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function passkeyRoutes({ passkeys }: WaysIn): readonly AnyRoute[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/session/passkey/options',
      id: 'passkeySignInOptions',
      group: 'access',
      summary: 'What to ask the authenticators of this device with, to sign in',
      needs: 'public',
      replies: { 200: passkeyOptions },
      handle: async (input) => ({ status: 200, body: await passkeys.signInOptions(input) }),
    }),
    route({
      method: 'POST',
      path: '/api/v1/session/passkey',
      id: 'signInWithPasskey',
      group: 'access',
      summary: 'Sign in with a passkey; the reply sets a cookie',
      needs: 'public',
      body: passkeySignInRequest,
      replies: { 204: null },
      handle: async (input) => signedIn(await passkeys.signIn(input.body as unknown as AuthenticationResponseJSON, input)),
    }),
  ];
}

function signedIn(cookie: string): RouteReply {
  return { status: 204, headers: { 'set-cookie': cookie } };
}
