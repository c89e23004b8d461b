import { HoldfastError } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';

/** Throws `FORBIDDEN` for a token that is bound to plans: it must not make itself or others one that is not. */
export function requireWholeLeave(principal: Principal | null): void {
  if (principal?.kind !== 'token' || principal.plans === null) return;
  throw new HoldfastError('FORBIDDEN', 'A token that is bound to plans may not see or change who has leave to act', {
    hint: 'Use an account or a token of the role administrator that is bound to no plan',
  });
}
