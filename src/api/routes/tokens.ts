import { z } from 'zod';
import { HoldfastError } from '../../domain/errors.ts';
import { issueToken, revokeToken } from '../../operations/accounts.ts';
import type { ApiToken } from '../../ports/service-state.ts';
import type { AccessContext } from '../auth/access-context.ts';
import { requireWholeLeave } from '../auth/whole-leave.ts';
import { apiToken, newToken, page, tokenRequest } from '../contract.ts';
import { type AnyRoute, route } from '../route.ts';

const tokenParams = z.object({ id: z.uuid() });
const tokenPage = page('ApiTokenPage', apiToken);

/** Leave for programs. */
export function tokenRoutes(context: AccessContext): readonly AnyRoute[] {
  return [listRoute(context), createRoute(context), revokeRoute(context)];
}

function listRoute({ state }: AccessContext): AnyRoute {
  return route({
    method: 'GET',
    path: '/api/v1/tokens',
    id: 'listTokens',
    group: 'access',
    summary: 'Every token that is not revoked, without its secret',
    needs: 'administrator',
    replies: { 200: tokenPage },
    handle: async ({ principal }) => {
      requireWholeLeave(principal);
      const tokens = (await state.accounts.tokens()).filter(({ revokedAt }) => revokedAt === null);
      return { status: 200, body: { items: tokens.map(shownToken), next: null } };
    },
  });
}

function createRoute(context: AccessContext): AnyRoute {
  return route({
    method: 'POST',
    path: '/api/v1/tokens',
    id: 'createToken',
    group: 'access',
    summary: 'Make a token; the reply is the only place where it is ever shown',
    needs: 'administrator',
    body: tokenRequest,
    replies: { 201: newToken },
    act: 'token-create',
    handle: async ({ principal, body }) => {
      requireWholeLeave(principal);
      const { name, role } = body;
      const plans = body.plans ?? null;
      const expiresAt = typeof body.expiresAt === 'string' ? new Date(body.expiresAt) : null;
      requireSense(context, { plans, expiresAt });
      const made = await issueToken(context, { name, role, plans, expiresAt, createdBy: principal?.name ?? '' });
      const details = { id: made.id, role, plans, expiresAt: expiresAt?.toISOString() ?? null };
      return { status: 201, body: made, audited: { target: name, details } };
    },
  });
}

/** A token that could never do anything is a mistake. */
function requireSense(
  { plans: known, clock }: AccessContext,
  { plans, expiresAt }: { readonly plans: readonly string[] | null; readonly expiresAt: Date | null },
): void {
  const unknown = plans?.find((plan) => !known.has(plan));
  if (unknown !== undefined)
    throw new HoldfastError('PLAN_UNKNOWN', `Cannot bind a token to plan "${unknown}": there is none of that name`, {
      hint: `Name one of: ${[...known.keys()].join(', ')}`,
    });
  if (expiresAt !== null && expiresAt <= clock.now())
    throw new HoldfastError('REQUEST_INVALID', 'Cannot make a token that has expired already', {
      hint: 'Send an expiresAt that is to come',
    });
}

function revokeRoute(context: AccessContext): AnyRoute {
  return route({
    method: 'DELETE',
    path: '/api/v1/tokens/:id',
    id: 'revokeToken',
    group: 'access',
    summary: 'Revoke a token: it is refused from now on',
    needs: 'administrator',
    params: tokenParams,
    replies: { 204: null },
    act: 'token-revoke',
    handle: async ({ principal, params }) => {
      requireWholeLeave(principal);
      await revokeToken(context, params.id);
      return { status: 204, audited: { target: params.id } };
    },
  });
}

function shownToken({ id, name, role, plans, createdAt, createdBy, expiresAt, usedAt }: ApiToken): z.infer<typeof apiToken> {
  return {
    id,
    name,
    role,
    plans: plans === null ? null : [...plans],
    createdAt: createdAt.toISOString(),
    createdBy,
    expiresAt: expiresAt?.toISOString() ?? null,
    usedAt: usedAt?.toISOString() ?? null,
  };
}
