import type { AuthenticationResponseJSON, RegistrationResponseJSON, WebAuthnCredential } from '@simplewebauthn/server';
import { isIP } from 'node:net';
import { HoldfastError } from '../../domain/errors.ts';
import type { Passkey, User } from '../../ports/service-state.ts';
import type { AccessContext } from './access-context.ts';
import { PasskeyChallenges } from './passkey-challenges.ts';
import type { Visit } from './session.ts';
import type { SignIn } from './sign-in.ts';

/** Loaded when the first passkey is used: most services never need it in memory. */
const library = () => import('@simplewebauthn/server');

const mostPerUser = 20;

type AccessParts = Pick<AccessContext, 'state' | 'clock' | 'log'>;

/**
 * Signing in with what a phone, a computer or a security key holds. It proves who it is by itself: no password and no code.
 *
 * @see https://www.w3.org/TR/webauthn-3/
 */
export class Passkeys {
  readonly #context: AccessParts;
  readonly #signIn: SignIn;
  readonly #challenges: PasskeyChallenges;

  constructor(context: AccessParts, signIn: SignIn) {
    this.#context = context;
    this.#signIn = signIn;
    this.#challenges = new PasskeyChallenges(context.clock);
  }

  /** What a browser asks its authenticators with, to make a passkey for this user. Throws `RATE_LIMITED`. */
  async registrationOptions(user: Pick<User, 'id' | 'name'>, { origin, address }: Pick<Visit, 'origin' | 'address'>) {
    const known = await this.#context.state.accounts.passkeysOf(user.id);
    if (known.length >= mostPerUser) throw tooMany();
    const { generateRegistrationOptions } = await library();
    const options = await generateRegistrationOptions({
      rpName: 'Holdfast',
      rpID: partyOf(origin),
      userName: user.name,
      userDisplayName: user.name,
      userID: new TextEncoder().encode(user.id),
      attestationType: 'none',
      excludeCredentials: known.map(({ credentialId, transports }) => ({ id: credentialId, transports: [...transports] })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    this.#challenges.expect(options.challenge, { userId: user.id, address });
    return options;
  }

  /** Keeps the passkey that a browser made. Throws `SIGN_IN_FAILED` for an answer to another question. */
  async register(
    user: Pick<User, 'id'>,
    { response, label, origin }: { readonly response: RegistrationResponseJSON; readonly label: string; readonly origin: string },
  ): Promise<Passkey> {
    const { verifyRegistrationResponse } = await library();
    const verified = await this.#orRefused(() =>
      verifyRegistrationResponse({
        response,
        expectedChallenge: (challenge) => this.#challenges.take(challenge, user.id),
        expectedOrigin: origin,
        expectedRPID: partyOf(origin),
        requireUserVerification: true,
      }),
    );
    if (verified?.registrationInfo === undefined) throw refusedPasskey();
    const { credential } = verified.registrationInfo;
    if ((await this.#context.state.accounts.passkey(credential.id)) !== undefined) throw refusedPasskey();
    const passkey: Passkey = {
      credentialId: credential.id,
      userId: user.id,
      label,
      publicKey: credential.publicKey,
      counter: credential.counter,
      transports: credential.transports ?? [],
      createdAt: this.#context.clock.now(),
      usedAt: null,
    };
    await this.#context.state.accounts.addPasskey(passkey);
    return passkey;
  }

  /** What a browser asks its authenticators with, to sign in whoever is there. Throws `RATE_LIMITED`. */
  async signInOptions({ origin, address }: Pick<Visit, 'origin' | 'address'>) {
    const { generateAuthenticationOptions } = await library();
    const options = await generateAuthenticationOptions({ rpID: partyOf(origin), userVerification: 'required' });
    this.#challenges.expect(options.challenge, { userId: null, address });
    return options;
  }

  /** The answer is the `Set-Cookie`. Throws `SIGN_IN_FAILED` and `RATE_LIMITED`. */
  async signIn(response: AuthenticationResponseJSON, visit: Visit): Promise<string> {
    const work = () => this.#userOf(response, visit.origin);
    const user = await this.#signIn.limits.attempt({ name: null, address: visit.address }, work, async () => undefined);
    if (user !== undefined) return this.#signIn.begin(user, visit, 'passkey');
    await this.#signIn.refused('unknown passkey', visit, 'passkey');
    throw refusedPasskey();
  }

  async #userOf(response: AuthenticationResponseJSON, origin: string): Promise<User | undefined> {
    const { accounts } = this.#context.state;
    const passkey = await accounts.passkey(response.id);
    if (passkey === undefined) return undefined;
    const { verifyAuthenticationResponse } = await library();
    const verified = await this.#orRefused(() =>
      verifyAuthenticationResponse({
        response,
        expectedChallenge: (challenge) => this.#challenges.take(challenge, null),
        expectedOrigin: origin,
        expectedRPID: partyOf(origin),
        credential: credentialOf(passkey),
        requireUserVerification: true,
      }),
    );
    if (verified?.verified !== true) return undefined;
    await accounts.usedPasskey(passkey.credentialId, verified.authenticationInfo.newCounter, this.#context.clock.now());
    const user = await accounts.userById(passkey.userId);
    return user?.disabledAt === null ? user : undefined;
  }

  /** The library throws a plain error for whatever does not fit. */
  async #orRefused<T>(verify: () => Promise<T>): Promise<T | undefined> {
    try {
      return await verify();
    } catch (error) {
      this.#context.log.warn('A passkey was refused', { component: 'Api', error });
      return undefined;
    }
  }
}

/** Browsers take passkeys for a name, never for an address, and only where nobody can listen in. */
export function takesPasskeys(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  if (isIP(hostname.replace(/^\[|\]$/gu, '')) !== 0) return false;
  return protocol === 'https:' || hostname === 'localhost' || hostname.endsWith('.localhost');
}

function partyOf(origin: string): string {
  if (takesPasskeys(origin)) return new URL(origin).hostname;
  throw new HoldfastError('USAGE', `Cannot use passkeys at ${origin}: browsers take them for names over https, and for localhost`, {
    hint: 'Put the service behind https under a name, and set service.publicUrl to it',
  });
}

function credentialOf({ credentialId, publicKey, counter, transports }: Passkey): WebAuthnCredential {
  return { id: credentialId, publicKey: new Uint8Array(publicKey), counter, transports: [...transports] };
}

function refusedPasskey(): HoldfastError {
  return new HoldfastError('SIGN_IN_FAILED', 'Cannot take this passkey', {
    hint: 'Try again, within five minutes; a passkey that was removed has to be made anew under Account',
  });
}

function tooMany(): HoldfastError {
  return new HoldfastError('USAGE', `Cannot keep more than ${mostPerUser} passkeys of one user`, { hint: 'Remove one that is not used' });
}
