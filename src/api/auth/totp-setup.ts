import { HoldfastError } from '../../domain/errors.ts';
import type { User } from '../../ports/service-state.ts';
import type { AccessContext } from './access-context.ts';

const validMs = 10 * 60_000;

/** Switches on the codes of an authenticator app: a secret counts once a code of it was typed, so that nobody is locked out. */
export class TotpSetup {
  readonly #context: AccessContext;
  readonly #begun = new Map<string, { readonly secret: string; readonly endsMs: number }>();

  constructor(context: AccessContext) {
    this.#context = context;
  }

  begin({ id, name }: User): { readonly secret: string; readonly uri: string } {
    const { codes, clock } = this.#context;
    const secret = codes.newSecret();
    this.#begun.set(id, { secret, endsMs: clock.monotonicMs() + validMs });
    return { secret, uri: codes.uri(secret, name) };
  }

  /** Throws `SIGN_IN_FAILED` for a code that does not fit, and `USAGE` when nothing was begun. */
  async confirm({ id }: User, code: string): Promise<void> {
    const { codes, clock, seal, state } = this.#context;
    const begun = this.#begun.get(id);
    if (begun === undefined || begun.endsMs <= clock.monotonicMs()) throw notBegun();
    const step = codes.step({ secret: begun.secret, code, now: clock.now(), usedStep: null });
    if (step === null) throw wrongCode();
    this.#begun.delete(id);
    await state.accounts.updateUser(id, { totpSecret: seal.seal(begun.secret), totpUsedStep: step });
  }
}

function notBegun(): HoldfastError {
  return new HoldfastError('USAGE', 'Cannot switch on one-time codes: there is no new secret of the last ten minutes', {
    hint: 'Begin again: POST /api/v1/me/totp',
  });
}

function wrongCode(): HoldfastError {
  return new HoldfastError('SIGN_IN_FAILED', 'Cannot switch on one-time codes: this code does not fit the secret', {
    hint: 'Type the code that the app shows now; the clocks of both devices must be right',
  });
}
