import { HoldfastError } from '../../domain/errors.ts';
import { writeDown } from '../../operations/accounts.ts';
import type { StoredUser, User } from '../../ports/service-state.ts';
import type { AccessContext } from './access-context.ts';
import { openSession, type Visit } from './session.ts';
import { SignInLimits } from './sign-in-limits.ts';

export interface Credentials {
  readonly name: string;
  readonly password: string;
  readonly code?: string | undefined;
}

/** The ways in that every kind of sign-in shares: limits, the audit and the session. */
export class SignIn {
  readonly #context: AccessContext;
  readonly limits: SignInLimits;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(context: AccessContext) {
    this.#context = context;
    this.limits = new SignInLimits(context);
  }

  /** With a password, and the code of an authenticator app where the user has one. The answer is the `Set-Cookie`. */
  async withPassword(credentials: Credentials, visit: Visit): Promise<string> {
    if (!this.#context.settings.passwords) throw noPasswords();
    const { name } = credentials;
    const work = () => this.#userOf(credentials);
    const user = await this.limits.attempt({ name, address: visit.address }, work, (wrong) => this.#alarm(name, wrong));
    if (user === undefined) {
      await this.refused(name, visit, 'password');
      throw wrongCredentials();
    }
    return this.begin(user, visit, 'password');
  }

  /** Begins the session of a user who proved to be one, and writes it down. */
  async begin(user: User, visit: Visit, how: string): Promise<string> {
    const cookie = await openSession(this.#context, user, visit);
    const actor = { name: user.name, kind: 'user', address: visit.address } as const;
    await writeDown(this.#context, actor, { act: 'sign-in', target: user.name, result: 'done', details: { how } });
    return cookie;
  }

  async refused(name: string, { address }: Pick<Visit, 'address'>, how: string): Promise<void> {
    const actor = { name, kind: 'anonymous', address } as const;
    await writeDown(this.#context, actor, { act: 'sign-in', target: name, result: 'refused', details: { how } });
  }

  /** True for the password of this user: wrong ones count as wrong tries to sign in. Throws `RATE_LIMITED`. */
  async isPassword(user: User, password: string, address: string): Promise<boolean> {
    const stored = await this.#context.state.accounts.userById(user.id);
    const verify = async () => ((await this.#context.passwords.verify(password, stored?.passwordHash ?? null)) ? true : undefined);
    const alarm = (wrong: number) => this.#alarm(user.name, wrong);
    return (await this.limits.attempt({ name: user.name, address }, verify, alarm)) ?? false;
  }

  async #userOf({ name, password, code }: Credentials): Promise<User | undefined> {
    const user = await this.#context.state.accounts.userByName(name);
    const isRight = await this.#context.passwords.verify(password, user?.passwordHash ?? null);
    if (user === undefined || !isRight || user.disabledAt !== null) return undefined;
    if (!user.hasTotp) return user;
    if (code === undefined) throw codeMissing();
    return (await this.#takeCode(user.id, code)) ? user : undefined;
  }

  /** One after the other: of two requests with the same code one is late. */
  #takeCode(userId: string, code: string): Promise<boolean> {
    const taken = this.#turn.then(async () => {
      const { state, codes, clock, seal } = this.#context;
      const user = await state.accounts.userById(userId);
      const secret = secretOf(user, seal);
      if (user === undefined || secret === null) return false;
      const step = codes.step({ secret, code, now: clock.now(), usedStep: user.totpUsedStep });
      if (step !== null) await state.accounts.updateUser(userId, { totpUsedStep: step });
      return step !== null;
    });
    this.#turn = taken.catch(() => undefined);
    return taken;
  }

  /** Names that nobody has are no alarm: anybody can make them up. */
  async #alarm(name: string, wrong: number): Promise<void> {
    const { state, clock, log } = this.#context;
    const user = await state.accounts.userByName(name);
    if (user === undefined) return;
    log.warn('Somebody tries passwords', { component: 'Api', user: user.name, wrongTries: wrong });
    await this.#context.emit({
      kind: 'sign-in-locked',
      plan: null,
      at: clock.now(),
      severity: 'warning',
      subject: `sign-in:${user.id}`,
      title: `Somebody tries to sign in as ${user.name}`,
      message: `${wrong} wrong passwords or codes within a day; each further try has to wait, up to 15 minutes`,
      action: `Ask ${user.name}. If it was somebody else, see the addresses in the audit and keep them out in front of the service`,
      atRiskSince: null,
      run: null,
    });
  }
}

function secretOf(user: StoredUser | undefined, seal: AccessContext['seal']): string | null {
  const sealed = user?.totpSecret ?? null;
  return sealed === null ? null : seal.unseal(sealed);
}

/** One text for a wrong name, password and code: what of it was right is nobody's business. */
export function wrongCredentials(): HoldfastError {
  return new HoldfastError('SIGN_IN_FAILED', 'Cannot sign in: name, password or code do not fit', {
    hint: 'Try again; who forgot a password is helped by an administrator, or by holdfast user reset-password NAME',
  });
}

function codeMissing(): HoldfastError {
  return new HoldfastError('SIGN_IN_FAILED', 'Cannot sign in without the code of the authenticator app', {
    hint: 'Send it as code, with name and password',
    details: { errors: [{ pointer: '/body/code', detail: 'is required' }] },
  });
}

function noPasswords(): HoldfastError {
  return new HoldfastError('FORBIDDEN', 'Cannot sign in with a password: the configuration switches passwords off', {
    hint: 'Use single sign-on or a passkey, or set HOLDFAST_PASSWORDS=true',
  });
}
