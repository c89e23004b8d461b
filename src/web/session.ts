import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Me, Role, Run, Status } from './shapes.ts';

/** What every page may rely on once somebody is signed in. */
export interface Session {
  readonly me: Me;
  readonly status: Status;
  /** Runs as the stream told them last, over what `status` says. */
  readonly live: ReadonlyMap<string, Run>;
  readonly refresh: () => void;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('A page stands outside of a session');
  return session;
}

const order: readonly Role[] = ['viewer', 'operator', 'administrator'];

export function may(me: Me, needed: Role): boolean {
  return order.indexOf(me.role) >= order.indexOf(needed);
}

/** Runs that wait or go on now, of one plan. */
export function goingOn(session: Session, plan: string): readonly Run[] {
  const known = session.status.plans.find(({ name }) => name === plan)?.running ?? [];
  const runs = new Map(known.map((run) => [run.id, run]));
  for (const run of session.live.values()) if (run.plan === plan) runs.set(run.id, run);
  return [...runs.values()].filter(({ state }) => state !== 'ended');
}
