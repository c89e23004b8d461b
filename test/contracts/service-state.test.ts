import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/platform/system-clock.ts';
import type { ServiceState } from '../../src/ports/service-state.ts';
import { openServiceState } from '../../src/state/service-state.ts';
import { describeContractTests } from './contract.ts';
import type { Factory } from './contract.ts';
import { serviceStateClauses } from './service-state.ts';
import type { ServiceStateSubject } from './service-state.ts';

type Group = Exclude<keyof ServiceState, symbol>;

/** A state that is right but for what one group does wrong. */
function broken<G extends Group>(group: G, breakIt: (right: ServiceState[G]) => Partial<ServiceState[G]>): Factory<ServiceStateSubject> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
    return {
      open: async () => {
        const right = await openServiceState(join(directory, 'service.sqlite'), { clock: systemClock });
        return { ...right, [group]: { ...right[group], ...breakIt(right[group]) } };
      },
      [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
    };
  };
}

const ignoring = <G extends Group>(group: G, name: keyof ServiceState[G]) =>
  broken(group, () => ({ [name]: async () => undefined }) as unknown as Partial<ServiceState[G]>);

/** As if the moment of asking were never later than the moment of making. */
const early = new Date('2026-03-01T12:00:00.000Z');

describeContractTests('the contract of the service state', {
  clauses: serviceStateClauses,
  broken: {
    'a user comes back as it was made, by name in any case, by id, and without secrets in lists': broken('accounts', (right) => ({
      users: async () => {
        const found = await Promise.all((await right.users()).map(({ id }) => right.userById(id)));
        return found.filter((user) => user !== undefined);
      },
    })),
    'two users of one name are refused': broken('accounts', (right) => ({
      createUser: async (user) => {
        const taken = await right.userByName(user.name);
        return right.createUser(taken === undefined ? user : { ...user, name: `${user.name} 2` });
      },
    })),
    'a user of an identity provider is found by issuer and subject together': broken('accounts', (right) => ({
      userByOidc: async (_, subject) => {
        const user = (await right.users()).find(({ oidc }) => oidc?.subject === subject);
        return user === undefined ? undefined : right.userById(user.id);
      },
    })),
    'a change of a user changes what it names and nothing else': broken('accounts', (right) => ({
      updateUser: (id, change) => right.updateUser(id, { disabledAt: null, ...change, role: 'viewer', passwordHash: 'new' }),
    })),
    'a session comes back with its user until it expires': broken('accounts', (right) => ({
      session: (tokenHash) => right.session(tokenHash, early),
    })),
    'a session ends alone, and all of a user end together': broken('accounts', (right) => ({
      endSession: async (tokenHash) => {
        const session = await right.session(tokenHash, early);
        if (session !== undefined) await right.endSessionsOf(session.userId);
      },
    })),
    'a session of a disabled user is none': ignoring('accounts', 'updateUser'),
    'a deleted user takes sessions and passkeys along': broken('accounts', (right) => ({
      deleteUser: (id) => right.updateUser(id, { disabledAt: early }),
    })),
    'a token comes back until it expires': broken('accounts', (right) => ({ token: (tokenHash) => right.token(tokenHash, early) })),
    'a revoked token is refused and still listed; only one that there is can be revoked, once': broken('accounts', (right) => ({
      tokens: async () => (await right.tokens()).filter(({ revokedAt }) => revokedAt === null),
    })),
    'passkeys come back, are used, and are removed by their owner alone': broken('accounts', (right) => ({
      removePasskey: async (_, credentialId) => {
        const passkey = await right.passkey(credentialId);
        return passkey !== undefined && right.removePasskey(passkey.userId, credentialId);
      },
    })),
    'passkeys are counted, and all of a user are removed together': ignoring('accounts', 'removePasskeysOf'),
    'a set-up link works once, until it expires, and the newest alone': broken('accounts', (right) => ({
      takeSetupLink: (tokenHash) => right.takeSetupLink(tokenHash, early),
    })),
    'failed sign-ins are counted by subject since a moment, until they are cleared': broken('accounts', (right) => ({
      failures: (subject) => right.failures(subject, new Date(0)),
    })),
    'what a schedule settled comes back, by plan and verb': broken('schedules', (right) => ({
      settle: (record) => right.settle({ ...record, verb: 'backup' }),
    })),
    'due deliveries are claimed once, oldest first, and again when the claim is two minutes old': broken('outbox', (right) => ({
      claimDue: async (now) => right.claimDue(now, 10),
    })),
    'a delivery is settled: again later, delivered, or given up': broken('outbox', (right) => ({
      settle: (id, result) => right.settle(id, result.kind === 'again' ? { ...result, dueAt: early } : result),
    })),
    'each channel says when it last worked, when it failed and how many wait': broken('outbox', (right) => ({
      channels: async () => (await right.channels()).map((channel) => ({ ...channel, waiting: 0 })),
    })),
    'a trouble is kept by plan and subject until it ends, once': broken('outbox', (right) => ({
      endTrouble: (plan, subject) => right.trouble(plan, subject),
    })),
    'the audit comes back newest first, by pages, actor and act': broken('audit', (right) => ({
      entries: ({ before: _, ...filter }) => right.entries(filter),
    })),
    'a key of a request is reserved, and then answers with what it led to': broken('requests', (right) => ({
      beginIdempotent: (request) => right.beginIdempotent({ ...request, actor: 'everybody' }),
    })),
    'a key of a request is free again after a day': broken('requests', (right) => ({
      beginIdempotent: (request) => right.beginIdempotent({ ...request, at: early }),
    })),
    'a key whose service ended tells its run, and is reserved anew once': broken('requests', () => ({
      retakeIdempotent: async () => true,
    })),
    'a confirmation fits once, its actor, act and body alone, and not too late': broken('requests', (right) => ({
      takeConfirmation: (given) => right.takeConfirmation({ ...given, now: early }),
    })),
    'live runs are known until they are removed': ignoring('liveRuns', 'remove'),
    'what one process wrote is there for another, and after opening again': broken('accounts', (right) => {
      const mine = new Set<string>();
      return {
        createToken: async (token) => {
          const made = await right.createToken(token);
          mine.add(made.id);
          return made;
        },
        token: async (tokenHash, now) => {
          const found = await right.token(tokenHash, now);
          return found !== undefined && mine.has(found.id) ? found : undefined;
        },
      };
    }),
  },
});
