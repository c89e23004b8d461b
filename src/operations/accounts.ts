import { createHash, randomBytes } from 'node:crypto';
import { HoldfastError } from '../domain/errors.ts';
import type { Role } from '../domain/principal.ts';
import type { Clock } from '../ports/clock.ts';
import type { PasswordHash } from '../ports/credentials.ts';
import type { AuditEntry, ServiceState, User } from '../ports/service-state.ts';

const shortestPassword = 12;

/** What making users and tokens needs. Nothing here writes into the audit: whoever calls it does, with `writeDown`. */
export interface AccountsContext {
  readonly state: ServiceState;
  readonly clock: Clock;
  readonly passwords: PasswordHash;
}

/** 256 random bits that can stand in an address, a header and a cookie. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What is kept of a secret that is random enough to need no salt. */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

export interface TokenWish {
  readonly name: string;
  readonly role: Role;
  /** Null: every plan. */
  readonly plans: readonly string[] | null;
  readonly expiresAt: Date | null;
  readonly createdBy: string;
}

/** Makes a token for the API. The token itself is in the answer alone, and never again. */
export async function issueToken(
  { state, clock }: Pick<AccountsContext, 'state' | 'clock'>,
  wish: TokenWish,
): Promise<{ readonly token: string; readonly id: string }> {
  const token = `hft_${newSecret()}`;
  const { id } = await state.accounts.createToken({ ...wish, createdAt: clock.now(), tokenHash: hashOfSecret(token) });
  return { token, id };
}

/** Ends a token at once. Throws `TOKEN_UNKNOWN`. */
export async function revokeToken({ state, clock }: Pick<AccountsContext, 'state' | 'clock'>, id: string): Promise<void> {
  if (await state.accounts.revokeToken(id, clock.now())) return;
  throw new HoldfastError('TOKEN_UNKNOWN', `Cannot revoke token "${id}": there is none of that id, or it is revoked already`, {
    hint: 'See which there are with holdfast token list',
  });
}

/** Makes a user who signs in with a password. Throws `USER_EXISTS`, and `USAGE` for a password that is too short. */
export async function createUser(
  { state, clock, passwords }: AccountsContext,
  { name, role, password }: { readonly name: string; readonly role: Role; readonly password: string },
): Promise<User> {
  const passwordHash = await hashOfPassword(password, passwords);
  return state.accounts.createUser({ name, role, passwordHash, createdAt: clock.now(), oidc: null });
}

/** What a new password took away, for the audit and for who set it. */
export interface TakenAway {
  readonly passkeys: number;
  readonly oneTimeCodes: boolean;
}

/**
 * Lets a user in again who forgot the password or lost the device, and shuts out whoever took the account over: of what is
 * kept here the new password alone opens it from now on. Passkeys are removed, one-time codes switched off, every session ends,
 * and waits after wrong passwords are over. Throws `USAGE` for a password that is too short.
 */
export async function resetPassword({ state, passwords }: AccountsContext, user: User, password: string): Promise<TakenAway> {
  const passwordHash = await hashOfPassword(password, passwords);
  await state.accounts.updateUser(user.id, { passwordHash, totpSecret: null });
  await state.accounts.removePasskeysOf(user.id);
  await state.accounts.endSessionsOf(user.id);
  await state.accounts.clearFailures(failuresOf(user.name));
  return { passkeys: user.passkeys, oneTimeCodes: user.hasTotp };
}

/** Throws `USAGE`. */
export async function userNamed({ state }: Pick<AccountsContext, 'state'>, name: string): Promise<User> {
  const user = await state.accounts.userByName(name);
  if (user !== undefined) return user;
  throw new HoldfastError('USAGE', `There is no user "${name}"`, { hint: 'See who there is with holdfast user list' });
}

/** Throws `USAGE` for one that is too short. */
export async function hashOfPassword(password: string, passwords: PasswordHash): Promise<string> {
  if (password.length >= shortestPassword) return passwords.hash(password);
  throw new HoldfastError('USAGE', `Cannot take a password of ${password.length} characters: ${shortestPassword} are needed`, {
    hint: 'Choose a longer one: a few words are easier to keep in mind than signs',
  });
}

/** Under what wrong passwords of a name are counted. */
export function failuresOf(name: string): string {
  return `name:${name.toLowerCase()}`;
}

/** Who acted, for the audit. A command acts as the user of the operating system, with an empty address. */
export interface Actor {
  readonly name: string;
  readonly kind: AuditEntry['actorKind'];
  readonly address: string;
}

/** Writes an act into the audit: `token-create`, `token-revoke`, `user-create`, `user-reset-password`, … Never with a secret. */
export async function writeDown(
  { state, clock }: Pick<AccountsContext, 'state' | 'clock'>,
  { name, kind, address }: Actor,
  act: Pick<AuditEntry, 'act' | 'target' | 'result' | 'details'>,
): Promise<void> {
  await state.audit.append({ ...act, at: clock.now(), actor: name, actorKind: kind, address });
}
