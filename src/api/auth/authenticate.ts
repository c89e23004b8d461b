import { HoldfastError } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import { hashOfSecret } from '../../operations/accounts.ts';
import type { ApiToken } from '../../ports/service-state.ts';
import type { AccessContext } from './access-context.ts';
import { isCsrfToken, sessionOf, sessionToken, type Visit } from './session.ts';

const bearerForm = /^bearer +(\S+) *$/iu;
/** Each note of use is a write to the drive. */
const notedEveryMs = 60_000;

interface Asked extends Pick<Visit, 'origin' | 'base' | 'header'> {
  readonly method: string;
}

/**
 * Tells who sent a request: the token of its `Authorization` header, else the session of its cookie. Null for nobody, and for a
 * cookie that is forged or outdated. Throws `UNAUTHENTICATED` for a token that is not valid, and `FORBIDDEN` for an act with a
 * cookie that does not carry the session's `X-CSRF-Token`.
 */
export function openAuthenticate(context: Pick<AccessContext, 'state' | 'clock'>): (request: Asked) => Promise<Principal | null> {
  const notedAt = new Map<string, number>();
  return async (asked) => {
    const { method, header } = asked;
    const authorization = header('authorization');
    if (authorization !== undefined) {
      const { id, name, role, plans } = await tokenOf(context, authorization);
      await noteUse(context, id, notedAt);
      return { kind: 'token', id, name, role, plans };
    }
    const token = sessionToken(asked);
    const session = token === undefined ? undefined : await sessionOf(context, token);
    if (token === undefined || session === undefined) return null;
    const isRead = method === 'GET' || method === 'HEAD';
    if (!isRead && !isCsrfToken(token, header('x-csrf-token'))) throw notOfOurPage();
    const { id, name, role } = session.user;
    return { kind: 'user', id, name, role, sessionId: session.tokenHash };
  };
}

async function tokenOf({ state, clock }: Pick<AccessContext, 'state' | 'clock'>, authorization: string): Promise<ApiToken> {
  const given = bearerForm.exec(authorization)?.[1];
  const token = given === undefined ? undefined : await state.accounts.token(hashOfSecret(given), clock.now());
  if (token === undefined) throw badToken();
  return token;
}

async function noteUse({ state, clock }: Pick<AccessContext, 'state' | 'clock'>, id: string, notedAt: Map<string, number>): Promise<void> {
  const now = clock.monotonicMs();
  const before = notedAt.get(id);
  if (before !== undefined && now - before < notedEveryMs) return;
  notedAt.set(id, now);
  await state.accounts.touchToken(id, clock.now());
}

function badToken(): HoldfastError {
  return new HoldfastError('UNAUTHENTICATED', 'Cannot take this token: it is unknown, expired or revoked', {
    hint: 'Send Authorization: Bearer TOKEN with a valid one; make one with holdfast token create --role viewer',
  });
}

function notOfOurPage(): HoldfastError {
  return new HoldfastError('FORBIDDEN', 'Cannot take this act: it does not carry the X-CSRF-Token of its session', {
    hint: 'Load the dashboard again; programs use an API token instead of a cookie',
  });
}
