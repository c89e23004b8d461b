import { HoldfastError } from '../../domain/errors.ts';
import type { User } from '../../ports/service-state.ts';
import type { AccessContext } from './access-context.ts';

/**
 * Changes of who may do what, one after the other: of two administrators who remove each other at the same moment one must stay.
 */
export class LeaveChanges {
  readonly #state: AccessContext['state'];
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ state }: Pick<AccessContext, 'state'>) {
    this.#state = state;
  }

  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** True for the only one who can let others in. */
  async isLastAdministrator(user: User): Promise<boolean> {
    if (!isAdministrator(user)) return false;
    return !(await this.#state.accounts.users()).some((other) => other.id !== user.id && isAdministrator(other));
  }

  /** Throws `USAGE` for the last administrator. */
  async requireAnotherAdministrator(user: User): Promise<void> {
    if (!(await this.isLastAdministrator(user))) return;
    throw new HoldfastError('USAGE', `Cannot take leave from "${user.name}": there is no other administrator`, {
      hint: 'Make somebody else an administrator first',
    });
  }
}

function isAdministrator({ role, disabledAt }: User): boolean {
  return role === 'administrator' && disabledAt === null;
}
