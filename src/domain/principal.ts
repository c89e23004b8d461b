/** What somebody may do; each role may do what those before it may. */
export const roles = ['viewer', 'operator', 'administrator'] as const;
export type Role = (typeof roles)[number];

/** Who acts. `name` is shown in logs and in the audit: a user's name, a token's name, `*system`. */
export type Principal =
  | { readonly kind: 'system'; readonly name: '*system'; readonly role: 'administrator' }
  | { readonly kind: 'user'; readonly id: string; readonly name: string; readonly role: Role; readonly sessionId: string }
  | { readonly kind: 'token'; readonly id: string; readonly name: string; readonly role: Role; readonly plans: readonly string[] | null };

export const system: Principal = { kind: 'system', name: '*system', role: 'administrator' };

/** True when the role suffices and, for a token that is bound to plans, the plan is one of them. `plan` null: no plan is concerned. */
export function mayAct(principal: Principal, needed: Role, plan: string | null): boolean {
  if (roles.indexOf(principal.role) < roles.indexOf(needed)) return false;
  return plan === null || principal.kind !== 'token' || principal.plans === null || principal.plans.includes(plan);
}
