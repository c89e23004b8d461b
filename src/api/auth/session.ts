import { createHmac, timingSafeEqual } from 'node:crypto';
import { hashOfSecret, newSecret } from '../../operations/accounts.ts';
import type { SessionWithUser, User } from '../../ports/service-state.ts';
import type { AccessContext } from './access-context.ts';
import { cookieOf, type CookieScope, setCookie } from './cookies.ts';

const cookieName = 'holdfast';
const hourMs = 3_600_000;
const idleMs = 24 * hourMs;
/** Each note of use is a write to the drive. */
const notedEveryMs = 60_000;
const longestAgent = 200;

/** From where a browser came. */
export interface Visit extends CookieScope {
  readonly address: string;
  readonly header: (name: string) => string | undefined;
}

type SessionContext = Pick<AccessContext, 'state' | 'clock'>;

/** Begins a session; the answer is the `Set-Cookie` that carries it. */
export async function openSession(
  { state, clock, settings }: SessionContext & Pick<AccessContext, 'settings'>,
  user: User,
  visit: Visit,
): Promise<string> {
  const token = newSecret();
  const now = clock.now();
  await state.accounts.createSession({
    tokenHash: hashOfSecret(token),
    userId: user.id,
    createdAt: now,
    expiresAt: new Date(now.getTime() + settings.sessionHours * hourMs),
    address: visit.address,
    agent: (visit.header('user-agent') ?? '').slice(0, longestAgent),
  });
  return sessionCookie(token, visit, settings.sessionHours * 3600);
}

/** The `Set-Cookie` after which a browser has no session. */
export function closedSession(visit: CookieScope): string {
  return sessionCookie('', visit, 0);
}

function sessionCookie(value: string, scope: CookieScope, maxAgeSeconds: number): string {
  return setCookie(cookieName, { value, scope, maxAgeSeconds });
}

/** The value of the session's cookie; undefined for none. */
export function sessionToken(asked: Pick<Visit, 'origin' | 'base' | 'header'>): string | undefined {
  return cookieOf(cookieName, asked);
}

/** The session of a cookie; undefined when it is unknown, expired, was idle for a day, or its user is disabled. */
export async function sessionOf({ state, clock }: SessionContext, token: string): Promise<SessionWithUser | undefined> {
  const now = clock.now();
  const session = await state.accounts.session(hashOfSecret(token), now);
  if (session === undefined) return undefined;
  const idleForMs = now.getTime() - session.seenAt.getTime();
  if (idleForMs > idleMs) {
    await state.accounts.endSession(session.tokenHash);
    return undefined;
  }
  if (idleForMs >= notedEveryMs) await state.accounts.touchSession(session.tokenHash, now);
  return session;
}

/** Ends every session of a user but this one, whose page goes on. */
export async function endOtherSessions({ state, clock }: SessionContext, userId: string, kept: string): Promise<void> {
  const now = clock.now();
  const session = await state.accounts.session(kept, now);
  await state.accounts.endSessionsOf(userId);
  if (session === undefined) return;
  await state.accounts.createSession(session);
  await state.accounts.touchSession(kept, now);
}

/** What a page of ours knows of its session, and no other page can find out: it is told by `GET me` and sent with every act. */
export function csrfToken(token: string): string {
  return createHmac('sha256', token).update('csrf').digest('base64url');
}

export function isCsrfToken(token: string, given: string | undefined): boolean {
  const right = Buffer.from(csrfToken(token));
  const bytes = Buffer.from(given ?? '');
  return bytes.length === right.length && timingSafeEqual(bytes, right);
}
