import type { Configuration, IDToken } from 'openid-client';
import { HoldfastError, isHoldfastError } from '../../domain/errors.ts';
import { type Role, roles } from '../../domain/principal.ts';
import type { OidcSettings } from '../../domain/service-settings.ts';
import { writeDown } from '../../operations/accounts.ts';
import type { StoredUser, User } from '../../ports/service-state.ts';
import type { AccessContext } from './access-context.ts';
import { cookieOf, setCookie } from './cookies.ts';
import type { LeaveChanges } from './leave-changes.ts';
import type { Visit } from './session.ts';
import type { SignIn } from './sign-in.ts';

/** Loaded when the first person signs in this way: most services never need it in memory. */
const library = () => import('openid-client');

const cookieName = 'holdfast-oidc';
const validMs = 10 * 60_000;
const discoveredForMs = 5 * 60_000;
const longestName = 200;

/** What must be known again when the browser comes back, sealed in a cookie. */
interface Question {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly endsAt: number;
}

export interface Redirect {
  readonly location: string;
  /** The `Set-Cookie` that goes along. */
  readonly cookie: string;
}

/**
 * Single sign-on: the authorization code flow with PKCE, state and nonce. A user is who the provider calls by the same subject;
 * a name alone proves nothing, and never leads to a user that was made another way.
 *
 * @see https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth and https://www.rfc-editor.org/rfc/rfc9700
 */
export class Oidc {
  readonly #context: AccessContext;
  readonly #signIn: SignIn;
  readonly #changes: LeaveChanges;
  #known: { readonly configuration: Promise<Configuration>; readonly untilMs: number } | undefined;

  constructor(context: AccessContext, signIn: SignIn, changes: LeaveChanges) {
    this.#context = context;
    this.#signIn = signIn;
    this.#changes = changes;
  }

  /** Sends the browser to the provider. */
  async begin(visit: Visit): Promise<Redirect> {
    const settings = this.#settings();
    const client = await library();
    const question: Question = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
      endsAt: this.#context.clock.now().getTime() + validMs,
    };
    const location = client.buildAuthorizationUrl(await this.#discovered(settings), {
      redirect_uri: callbackOf(visit),
      scope: settings.scopes.join(' '),
      state: question.state,
      nonce: question.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(question.verifier),
      code_challenge_method: 'S256',
    });
    const value = this.#context.seal.seal(JSON.stringify(question));
    return { location: location.href, cookie: setCookie(cookieName, { value, scope: visit, maxAgeSeconds: validMs / 1000 }) };
  }

  /** The browser is back: `query` as it came. Throws `SIGN_IN_FAILED`, `FORBIDDEN` for whom no role is meant, and `RATE_LIMITED`. */
  async finish(query: URLSearchParams, visit: Visit): Promise<Redirect> {
    const settings = this.#settings();
    const work = () => this.#claims(settings, query, visit);
    const claims = await this.#signIn.limits.attempt({ name: null, address: visit.address }, work, async () => undefined);
    if (claims === undefined) {
      await this.#signIn.refused('single sign-on', visit, 'oidc');
      throw refused('the answer of the identity provider does not fit the question');
    }
    const user = await this.#changes.take(() => this.#userOf(settings, claims, visit));
    return { location: `${visit.base}/`, cookie: await this.#signIn.begin(user, visit, 'oidc') };
  }

  async #claims(settings: OidcSettings, query: URLSearchParams, visit: Visit): Promise<IDToken | undefined> {
    const question = this.#question(visit);
    if (question === undefined) throw refused('it was not begun in this browser within the last ten minutes');
    const configuration = await this.#discovered(settings);
    const { authorizationCodeGrant } = await library();
    const here = new URL(callbackOf(visit));
    here.search = query.toString();
    try {
      const tokens = await authorizationCodeGrant(configuration, here, {
        expectedState: question.state,
        expectedNonce: question.nonce,
        pkceCodeVerifier: question.verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined || claims[settings.claim] !== undefined) return claims;
      return { ...(await moreClaims(configuration, tokens.access_token, claims.sub)), ...claims };
    } catch (error) {
      this.#context.log.warn('A single sign-on was refused', { component: 'Api', issuer: settings.issuer, why: whyOf(error) });
      return undefined;
    }
  }

  #question(visit: Visit): Question | undefined {
    const text = this.#context.seal.unseal(cookieOf(cookieName, visit) ?? '');
    if (text === null) return undefined;
    const question = JSON.parse(text) as Question;
    return question.endsAt > this.#context.clock.now().getTime() ? question : undefined;
  }

  async #userOf(settings: OidcSettings, claims: IDToken, visit: Visit): Promise<User> {
    const { accounts } = this.#context.state;
    const role = roleOf(claims[settings.claim], settings);
    const name = nameOf(claims);
    const known = await accounts.userByOidc(claims.iss, claims.sub);
    if (role === null || (known !== undefined && known.disabledAt !== null)) {
      await this.#signIn.refused(known?.name ?? name, visit, 'oidc');
      throw role === null ? noRole(name) : disabled(name);
    }
    return known === undefined ? this.#newUser(claims, name, role) : this.#refreshed(known, { role, visit });
  }

  /** The provider's word holds, unless nobody would be left who can let others in. */
  async #refreshed(user: StoredUser, { role, visit }: { readonly role: Role; readonly visit: Visit }): Promise<User> {
    if (user.role === role) return user;
    const isKept = await this.#changes.isLastAdministrator(user);
    if (isKept)
      this.#context.log.warn('The last administrator keeps the role that single sign-on no longer gives', {
        component: 'Api',
        user: user.name,
        role,
      });
    else await this.#context.state.accounts.updateUser(user.id, { role });
    const actor = { name: user.name, kind: 'user', address: visit.address } as const;
    const details = { id: user.id, role, how: 'oidc' };
    await writeDown(this.#context, actor, { act: 'user-change', target: user.name, result: isKept ? 'refused' : 'done', details });
    return isKept ? user : { ...user, role };
  }

  /** A name that somebody has is not theirs for that: it gets an addition. */
  async #newUser({ iss, sub }: IDToken, name: string, role: Role): Promise<User> {
    const { state, clock } = this.#context;
    for (const unique of [name, `${name} (${new URL(iss).host})`, `${name} (${sub})`].map((text) => text.slice(0, longestName)))
      try {
        const createdAt = clock.now();
        return await state.accounts.createUser({ name: unique, role, createdAt, passwordHash: null, oidc: { issuer: iss, subject: sub } });
      } catch (error) {
        if (!isHoldfastError(error, 'USER_EXISTS')) throw error;
      }
    throw refused(`every name for "${name}" is taken`);
  }

  #settings(): OidcSettings {
    const { oidc } = this.#context.settings;
    if (oidc !== null) return oidc;
    throw new HoldfastError('NOT_FOUND', 'There is no single sign-on here: no identity provider is configured', {
      hint: 'Sign in with a password or a passkey, or configure service.oidc',
    });
  }

  async #discovered(settings: OidcSettings): Promise<Configuration> {
    const now = this.#context.clock.monotonicMs();
    if (this.#known === undefined || this.#known.untilMs <= now)
      this.#known = { configuration: discover(settings), untilMs: now + discoveredForMs };
    try {
      return await this.#known.configuration;
    } catch (cause) {
      this.#known = undefined;
      throw unreachable(settings.issuer, cause);
    }
  }
}

async function discover({ issuer, clientId, clientSecret }: OidcSettings): Promise<Configuration> {
  const client = await library();
  const server = new URL(issuer);
  const authentication = clientSecret === null ? client.None() : client.ClientSecretPost(clientSecret.reveal());
  // Plain http is for a provider on this machine; the settings refuse it for any other.
  const execute = isLoopback(server) ? [client.allowInsecureRequests] : [];
  return client.discovery(server, clientId, undefined, authentication, { execute });
}

/** Some providers put into the ID token only what signing in needs, and tell the rest when they are asked. */
async function moreClaims(configuration: Configuration, accessToken: string, subject: string): Promise<Partial<IDToken>> {
  if (configuration.serverMetadata().userinfo_endpoint === undefined) return {};
  const { fetchUserInfo } = await library();
  return fetchUserInfo(configuration, accessToken, subject);
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/u.test(hostname);
}

function callbackOf({ origin, base }: Visit): string {
  return `${origin}${base}/api/v1/session/oidc/callback`;
}

/** The highest that the claim's values give; else the one for everybody. @internal */
export function roleOf(claim: unknown, { roleOf: rules, defaultRole }: Pick<OidcSettings, 'roleOf' | 'defaultRole'>): Role | null {
  const values = (Array.isArray(claim) ? claim : [claim]).filter((value): value is string => typeof value === 'string');
  const given = values.flatMap((value) => (Object.hasOwn(rules, value) ? [rules[value]] : []));
  return roles.findLast((role) => given.includes(role)) ?? defaultRole;
}

/** Words and codes alone: beside them the library keeps what the provider answered, tokens included. @internal */
export function whyOf(error: unknown): string {
  const words: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    const { error: code } = at as { readonly error?: unknown };
    words.push(typeof code === 'string' ? `${at.message} (${code.slice(0, 100)})` : at.message);
  }
  return words.join(': ');
}

function nameOf(claims: IDToken): string {
  const names = [claims['preferred_username'], claims['email'], claims['name'], claims.sub];
  const name = names.find((value): value is string => typeof value === 'string' && value.trim() !== '') ?? claims.sub;
  return name.trim().slice(0, longestName);
}

function refused(why: string): HoldfastError {
  return new HoldfastError('SIGN_IN_FAILED', `Cannot sign in with single sign-on: ${why}`, { hint: 'Begin again on the sign-in page' });
}

function noRole(name: string): HoldfastError {
  return new HoldfastError('FORBIDDEN', `The identity provider knows "${name}", but gives no role for Holdfast`, {
    hint: 'Ask the administrator to give you a role there, or to set service.oidc.defaultRole',
  });
}

function disabled(name: string): HoldfastError {
  return new HoldfastError('FORBIDDEN', `Cannot sign in: "${name}" is disabled`, { hint: 'Ask an administrator to enable the user again' });
}

function unreachable(issuer: string, cause: unknown): HoldfastError {
  return new HoldfastError('SERVER_UNREACHABLE', `Cannot ask the identity provider at ${issuer}`, {
    hint: 'Open its address with /.well-known/openid-configuration appended; it must answer from this machine, with this issuer',
    cause,
  });
}
