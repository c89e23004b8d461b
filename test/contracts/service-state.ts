import { expect } from 'vitest';
import type { HoldfastEvent } from '../../src/domain/events.ts';
import type { NewDelivery, NewSession, NewToken, NewUser, Passkey, ServiceState } from '../../src/ports/service-state.ts';
import type { Clause } from './contract.ts';
import { expectCode } from './object-store.ts';

export interface ServiceStateSubject {
  /** Opens the same state, again each time. */
  open(): Promise<ServiceState>;
}

const at = new Date('2026-03-01T12:00:00.000Z');
const later = (ms: number) => new Date(at.getTime() + ms);
const minute = 60_000;
const hour = 60 * minute;
const hash = 'a'.repeat(64);

const newUser: NewUser = { name: 'Ada', role: 'administrator', createdAt: at, passwordHash: '$argon2id$x', oidc: null };
const session = (userId: string): NewSession => ({
  tokenHash: hash,
  userId,
  createdAt: at,
  expiresAt: later(hour),
  address: '192.0.2.1',
  agent: 'Firefox "ü"',
});
const newToken: NewToken = {
  name: 'grafana',
  role: 'viewer',
  plans: ['home', 'office'],
  createdAt: at,
  createdBy: 'Ada',
  expiresAt: later(hour),
  tokenHash: hash,
};
const passkey = (userId: string): Passkey => ({
  credentialId: 'abc-_',
  userId,
  label: 'phone',
  publicKey: new Uint8Array([0, 255, 7]),
  counter: 0,
  transports: ['internal', 'hybrid'],
  createdAt: at,
  usedAt: null,
});
const event: HoldfastEvent = {
  kind: 'backup-failed',
  plan: 'home',
  at,
  severity: 'critical',
  subject: 'backup',
  title: 'Backup of home failed: "ü"',
  message: 'the drive is full',
  action: 'Free space',
  atRiskSince: later(-hour),
  run: {
    key: 'k',
    verb: 'backup',
    outcome: 'failed',
    snapshotId: null,
    file: null,
    sizeBytes: 9_007_199_254_740_991,
    durationMs: 5,
    error: { code: 'STORE_FULL', message: 'full', hint: 'Free space' },
  },
};
const delivery: NewDelivery = { plan: 'home', channel: 'webhook:x', event, count: 3, since: later(-hour), dueAt: at };
const audited = {
  at,
  actor: 'Ada',
  actorKind: 'user',
  address: '192.0.2.1',
  act: 'restore',
  target: 'home-20260101-020000',
  result: 'done',
  details: { newestVerified: true },
} as const;
const idempotent = { actor: 'user:1', key: 'key', bodyHash: hash, run: 'run-1', at };
const confirmation = { tokenHash: hash, actor: 'user:1', act: 'delete', bodyHash: 'b'.repeat(64) };

/** What the state of the service promises (`src/ports/service-state.ts`), clause by clause. */
export const serviceStateClauses: readonly Clause<ServiceStateSubject>[] = [
  clause('a user comes back as it was made, by name in any case, by id, and without secrets in lists', async ({ accounts }) => {
    expect(await accounts.countUsers()).toBe(0);
    const user = await accounts.createUser(newUser);
    expect(user).toEqual({
      id: user.id,
      name: 'Ada',
      role: 'administrator',
      createdAt: at,
      disabledAt: null,
      hasPassword: true,
      hasTotp: false,
      passkeys: 0,
      oidc: null,
    });
    const stored = { ...user, passwordHash: '$argon2id$x', totpSecret: null, totpUsedStep: null };
    expect(await accounts.userByName('aDA')).toEqual(stored);
    expect(await accounts.userById(user.id)).toEqual(stored);
    expect([await accounts.users(), await accounts.countUsers()]).toEqual([[user], 1]);
    expect([await accounts.userByName('nobody'), await accounts.userById('none')]).toEqual([undefined, undefined]);
  }),
  clause('two users of one name are refused', async ({ accounts }) => {
    await accounts.createUser(newUser);
    await expectCode('USER_EXISTS', accounts.createUser({ ...newUser, name: 'ADA' }));
    expect(await accounts.countUsers()).toBe(1);
  }),
  clause('a user of an identity provider is found by issuer and subject together', async ({ accounts }) => {
    const oidc = { issuer: 'https://id.example', subject: 's1' };
    const user = await accounts.createUser({ ...newUser, passwordHash: null, oidc });
    expect(user).toMatchObject({ oidc, hasPassword: false });
    expect((await accounts.userByOidc('https://id.example', 's1'))?.id).toBe(user.id);
    expect(await accounts.userByOidc('https://other.example', 's1')).toBeUndefined();
    expect(await accounts.userByOidc('https://id.example', 's2')).toBeUndefined();
  }),
  clause('a change of a user changes what it names and nothing else', async ({ accounts }) => {
    const { id } = await accounts.createUser(newUser);
    await accounts.updateUser(id, { totpSecret: 'sealed', totpUsedStep: 59, role: 'viewer' });
    expect(await accounts.userById(id)).toMatchObject({
      totpSecret: 'sealed',
      totpUsedStep: 59,
      role: 'viewer',
      passwordHash: '$argon2id$x',
      hasTotp: true,
      disabledAt: null,
    });
    await accounts.updateUser(id, { totpSecret: null, disabledAt: at, passwordHash: 'new' });
    expect(await accounts.userById(id)).toMatchObject({ hasTotp: false, totpUsedStep: 59, disabledAt: at, passwordHash: 'new' });
    await accounts.updateUser(id, { disabledAt: null });
    expect((await accounts.userById(id))?.disabledAt).toBeNull();
  }),
  clause('a session comes back with its user until it expires', async ({ accounts }) => {
    const user = await accounts.createUser(newUser);
    await accounts.createSession(session(user.id));
    expect(await accounts.session(hash, at)).toEqual({ ...session(user.id), user, seenAt: at });
    await accounts.touchSession(hash, later(minute));
    expect((await accounts.session(hash, later(hour - 1)))?.seenAt).toEqual(later(minute));
    expect(await accounts.session(hash, later(hour))).toBeUndefined();
    expect(await accounts.session('b'.repeat(64), at)).toBeUndefined();
  }),
  clause('a session ends alone, and all of a user end together', async ({ accounts }) => {
    const user = await accounts.createUser(newUser);
    const other = await accounts.createUser({ ...newUser, name: 'Bob' });
    for (const [tokenHash, userId] of [
      ['1', user.id],
      ['2', user.id],
      ['3', user.id],
      ['4', other.id],
    ] as const)
      await accounts.createSession({ ...session(userId), tokenHash });
    const alive = async () =>
      (await Promise.all(['1', '2', '3', '4'].map((token) => accounts.session(token, at)))).map((found) => found?.tokenHash);
    await accounts.endSession('1');
    expect(await alive()).toEqual([undefined, '2', '3', '4']);
    await accounts.endSessionsOf(user.id);
    expect(await alive()).toEqual([undefined, undefined, undefined, '4']);
  }),
  clause('a session of a disabled user is none', async ({ accounts }) => {
    const user = await accounts.createUser(newUser);
    await accounts.createSession(session(user.id));
    await accounts.updateUser(user.id, { disabledAt: at });
    expect(await accounts.session(hash, at)).toBeUndefined();
  }),
  clause('a deleted user takes sessions and passkeys along', async ({ accounts }) => {
    const user = await accounts.createUser(newUser);
    await accounts.createSession(session(user.id));
    await accounts.addPasskey(passkey(user.id));
    await accounts.deleteUser(user.id);
    expect([await accounts.users(), await accounts.session(hash, at), await accounts.passkey('abc-_')]).toEqual([[], undefined, undefined]);
  }),
  clause('a token comes back until it expires', async ({ accounts }) => {
    const token = await accounts.createToken(newToken);
    const { tokenHash: _, ...given } = newToken;
    expect(token).toEqual({ ...given, id: token.id, usedAt: null, revokedAt: null });
    expect(await accounts.token(hash, later(hour - 1))).toEqual(token);
    expect(await accounts.token(hash, later(hour))).toBeUndefined();
    expect(await accounts.token('b'.repeat(64), at)).toBeUndefined();
    await accounts.touchToken(token.id, later(1));
    expect(await accounts.tokens()).toEqual([{ ...token, usedAt: later(1) }]);
    const forEver = await accounts.createToken({ ...newToken, tokenHash: 'c', expiresAt: null, plans: null });
    expect(await accounts.token('c', later(1e12))).toEqual({ ...forEver, expiresAt: null, plans: null });
  }),
  clause('a revoked token is refused and still listed; only one that there is can be revoked, once', async ({ accounts }) => {
    const { id } = await accounts.createToken(newToken);
    expect([await accounts.revokeToken('none', at), await accounts.revokeToken(id, at)]).toEqual([false, true]);
    expect([await accounts.revokeToken(id, later(1)), await accounts.token(hash, at)]).toEqual([false, undefined]);
    expect((await accounts.tokens()).map(({ revokedAt }) => revokedAt)).toEqual([at]);
  }),
  clause('passkeys come back, are used, and are removed by their owner alone', async ({ accounts }) => {
    const user = await accounts.createUser(newUser);
    await accounts.addPasskey(passkey(user.id));
    expect(await accounts.passkeysOf(user.id)).toEqual([passkey(user.id)]);
    await accounts.usedPasskey('abc-_', 7, later(1));
    expect(await accounts.passkey('abc-_')).toEqual({ ...passkey(user.id), counter: 7, usedAt: later(1) });
    expect(await accounts.removePasskey('somebody', 'abc-_')).toBe(false);
    expect(await accounts.removePasskey(user.id, 'abc-_')).toBe(true);
    expect([await accounts.passkey('abc-_'), await accounts.passkeysOf(user.id)]).toEqual([undefined, []]);
  }),
  clause('passkeys are counted, and all of a user are removed together', async ({ accounts }) => {
    const [user, other] = [await accounts.createUser(newUser), await accounts.createUser({ ...newUser, name: 'Bob' })];
    for (const credentialId of ['1', '2']) await accounts.addPasskey({ ...passkey(user.id), credentialId });
    await accounts.addPasskey({ ...passkey(other.id), credentialId: '3' });
    await accounts.createSession(session(user.id));
    const counted = async () => (await accounts.users()).map(({ name, passkeys }) => [name, passkeys]);
    expect(await counted()).toEqual([
      ['Ada', 2],
      ['Bob', 1],
    ]);
    expect((await accounts.session(hash, at))?.user.passkeys).toBe(2);
    await accounts.removePasskeysOf(user.id);
    expect(await counted()).toEqual([
      ['Ada', 0],
      ['Bob', 1],
    ]);
  }),
  clause('a set-up link works once, until it expires, and the newest alone', async ({ accounts }) => {
    await accounts.setSetupLink({ tokenHash: 'old', expiresAt: later(hour) });
    await accounts.setSetupLink({ tokenHash: hash, expiresAt: later(hour) });
    expect(await accounts.takeSetupLink('old', at)).toBe(false);
    expect(await accounts.takeSetupLink(hash, later(hour))).toBe(false);
    expect([await accounts.takeSetupLink(hash, at), await accounts.takeSetupLink(hash, at)]).toEqual([true, false]);
    await accounts.setSetupLink({ tokenHash: hash, expiresAt: later(hour) });
    await accounts.setSetupLink(null);
    expect(await accounts.takeSetupLink(hash, at)).toBe(false);
  }),
  clause('failed sign-ins are counted by subject since a moment, until they are cleared', async ({ accounts }) => {
    for (const ms of [0, 1, 2]) await accounts.recordFailure('name:ada', later(ms));
    await accounts.recordFailure('address:192.0.2.1', at);
    expect(await accounts.failures('name:ada', later(1))).toEqual([later(1), later(2)]);
    await accounts.clearFailures('name:ada');
    expect(await accounts.failures('name:ada', at)).toEqual([]);
    expect(await accounts.failures('address:192.0.2.1', at)).toEqual([at]);
  }),
  clause('what a schedule settled comes back, by plan and verb', async ({ schedules }) => {
    const record = { plan: 'home', verb: 'backup', signature: 'x', consideredUntil: at } as const;
    expect(await schedules.record('home', 'backup')).toBeUndefined();
    await schedules.settle(record);
    await schedules.settle({ ...record, verb: 'drill' });
    await schedules.settle({ ...record, signature: 'y', consideredUntil: later(1) });
    expect(await schedules.record('home', 'backup')).toEqual({ ...record, signature: 'y', consideredUntil: later(1) });
    expect(await schedules.record('home', 'drill')).toEqual({ ...record, verb: 'drill' });
    expect(await schedules.record('office', 'backup')).toBeUndefined();
  }),
  clause('due deliveries are claimed once, oldest first, and again when the claim is two minutes old', async ({ outbox }, subject) => {
    await outbox.enqueue({ ...delivery, dueAt: later(1), channel: 'second' });
    await outbox.enqueue({ ...delivery, dueAt: later(hour), channel: 'not yet' });
    await outbox.enqueue(delivery);
    await using other = await subject.open();
    const [first] = await outbox.claimDue(later(minute), 1);
    expect(first).toEqual({ ...delivery, id: first?.id, attempts: 0, state: 'due', lastError: null, settledAt: null });
    expect((await other.outbox.claimDue(later(minute), 10)).map(({ channel }) => channel)).toEqual(['second']);
    expect(await outbox.claimDue(later(3 * minute - 1), 10)).toEqual([]);
    expect(await other.outbox.claimDue(later(3 * minute), 10)).toHaveLength(2);
  }),
  clause('a delivery is settled: again later, delivered, or given up', async ({ outbox }) => {
    await outbox.enqueue(delivery);
    const [claimed] = await outbox.claimDue(at, 1);
    await outbox.settle(claimed?.id ?? '', { kind: 'again', dueAt: later(minute), error: 'HTTP 500' });
    expect(await outbox.claimDue(later(minute - 1), 1)).toEqual([]);
    expect(await outbox.claimDue(later(minute), 1)).toMatchObject([{ attempts: 1, state: 'due', lastError: 'HTTP 500' }]);
    await outbox.settle(claimed?.id ?? '', { kind: 'delivered', at: later(minute) });
    await outbox.enqueue({ ...delivery, dueAt: later(1) });
    const [second] = await outbox.claimDue(later(hour), 9);
    await outbox.settle(second?.id ?? '', { kind: 'given-up', at: later(hour), error: 'HTTP 404' });
    expect(await outbox.claimDue(later(9 * hour), 9)).toEqual([]);
    expect(await outbox.recent(9)).toMatchObject([
      { state: 'given-up', attempts: 1, lastError: 'HTTP 404', settledAt: later(hour) },
      { state: 'delivered', attempts: 2, lastError: null, settledAt: later(minute) },
    ]);
    expect(await outbox.recent(1)).toHaveLength(1);
  }),
  clause('each channel says when it last worked, when it failed and how many wait', async ({ outbox }) => {
    await outbox.enqueue(delivery);
    await outbox.enqueue({ ...delivery, dueAt: later(1) });
    await outbox.enqueue({ ...delivery, plan: null });
    const ids = (await outbox.claimDue(later(1), 3)).map(({ id }) => id);
    await outbox.settle(ids[0] ?? '', { kind: 'given-up', at, error: 'HTTP 404' });
    const state = { channel: 'webhook:x', lastDeliveredAt: null, lastFailedAt: null, lastError: null, waiting: 1 };
    expect(await outbox.channels()).toEqual([
      { ...state, plan: null },
      { ...state, plan: 'home', lastFailedAt: at, lastError: 'HTTP 404' },
    ]);
    const second = (await outbox.claimDue(later(hour), 9)).find(({ plan }) => plan === 'home');
    await outbox.settle(second?.id ?? '', { kind: 'delivered', at: later(hour) });
    expect(await outbox.channels()).toEqual([
      { ...state, plan: null },
      { ...state, plan: 'home', lastFailedAt: at, lastDeliveredAt: later(hour), waiting: 0 },
    ]);
  }),
  clause('a trouble is kept by plan and subject until it ends, once', async ({ outbox }) => {
    const trouble = { plan: 'home', subject: 'backup', since: at, count: 1, toldAt: at, event };
    const general = { ...trouble, plan: null, since: later(1), event: { ...event, plan: null, atRiskSince: null, run: null } };
    await outbox.recordTrouble(trouble);
    await outbox.recordTrouble(general);
    await outbox.recordTrouble({ ...trouble, count: 2 });
    expect(await outbox.openTroubles()).toEqual([{ ...trouble, count: 2 }, general]);
    expect(await outbox.trouble(null, 'backup')).toEqual(general);
    expect(await outbox.trouble('home', 'drill')).toBeUndefined();
    expect(await outbox.endTrouble('home', 'backup')).toEqual({ ...trouble, count: 2 });
    expect([await outbox.endTrouble('home', 'backup'), await outbox.openTroubles()]).toEqual([undefined, [general]]);
  }),
  clause('the audit comes back newest first, by pages, actor and act', async ({ audit }) => {
    for (const [actor, act] of [
      ['Ada', 'restore'],
      ['Bob', 'delete'],
      ['Ada', 'delete'],
    ] as const)
      await audit.append({ ...audited, actor, act });
    const all = await audit.entries({ limit: 9 });
    expect(all.map(({ id: _, ...entry }) => entry)).toEqual([
      { ...audited, act: 'delete' },
      { ...audited, actor: 'Bob', act: 'delete' },
      audited,
    ]);
    const [newest, middle, oldest] = all;
    expect(await audit.entries({ limit: 1 })).toEqual([newest]);
    expect(await audit.entries({ limit: 9, before: newest?.id ?? '' })).toEqual([middle, oldest]);
    expect(await audit.entries({ limit: 9, actor: 'Ada' })).toEqual([newest, oldest]);
    expect(await audit.entries({ limit: 9, act: 'delete', actor: 'Bob' })).toEqual([middle]);
  }),
  clause('a key of a request is reserved, and then answers with what it led to', async ({ requests }) => {
    expect(await requests.beginIdempotent(idempotent)).toEqual({ kind: 'new' });
    expect(await requests.beginIdempotent(idempotent)).toEqual({ kind: 'going-on' });
    expect(await requests.beginIdempotent({ ...idempotent, bodyHash: 'other' })).toEqual({ kind: 'other-body' });
    expect(await requests.beginIdempotent({ ...idempotent, actor: 'user:2' })).toEqual({ kind: 'new' });
    await requests.endIdempotent('user:1', 'key', { status: 202, body: '{"run":1}' });
    expect(await requests.beginIdempotent(idempotent)).toEqual({ kind: 'done', status: 202, body: '{"run":1}' });
    expect(await requests.beginIdempotent({ ...idempotent, actor: 'user:2' })).toEqual({ kind: 'going-on' });
    await requests.endIdempotent('user:2', 'key', null);
    expect(await requests.beginIdempotent({ ...idempotent, actor: 'user:2' })).toEqual({ kind: 'new' });
  }),
  clause('a key of a request is free again after a day', async ({ requests }) => {
    await requests.beginIdempotent(idempotent);
    expect(await requests.beginIdempotent({ ...idempotent, at: later(24 * hour - 1) })).toEqual({ kind: 'going-on' });
    expect(await requests.beginIdempotent({ ...idempotent, at: later(24 * hour) })).toEqual({ kind: 'new' });
  }),
  clause('a key whose service ended tells its run, and is reserved anew once', async ({ requests }) => {
    await requests.beginIdempotent(idempotent);
    await requests.beginIdempotent({ ...idempotent, key: 'done' });
    await requests.endIdempotent('user:1', 'done', { status: 202, body: '{}' });
    await requests.interruptIdempotent();
    expect(await requests.beginIdempotent({ ...idempotent, key: 'done' })).toMatchObject({ kind: 'done' });
    const again = { ...idempotent, run: 'run-2', at: later(1) };
    expect(await requests.beginIdempotent({ ...again, bodyHash: 'other' })).toEqual({ kind: 'other-body' });
    expect(await requests.beginIdempotent(again)).toEqual({ kind: 'interrupted', run: 'run-1' });
    expect([await requests.retakeIdempotent(again, 'run-0'), await requests.retakeIdempotent(again, 'run-1')]).toEqual([false, true]);
    expect(await requests.retakeIdempotent({ ...again, run: 'run-3' }, 'run-1')).toBe(false);
    expect(await requests.beginIdempotent(again)).toEqual({ kind: 'going-on' });
    await requests.interruptIdempotent();
    expect(await requests.beginIdempotent(again)).toEqual({ kind: 'interrupted', run: 'run-2' });
  }),
  clause('a confirmation fits once, its actor, act and body alone, and not too late', async ({ requests }) => {
    const taken = async (given: Partial<typeof confirmation> & { readonly now?: Date }) => {
      await requests.createConfirmation({ ...confirmation, expiresAt: later(hour) });
      const first = await requests.takeConfirmation({ ...confirmation, now: at, ...given });
      return [first, await requests.takeConfirmation({ ...confirmation, now: at })];
    };
    expect(await taken({})).toEqual(['fits', 'unknown']);
    expect(await taken({ actor: 'user:2' })).toEqual(['other', 'unknown']);
    expect(await taken({ act: 'restore' })).toEqual(['other', 'unknown']);
    expect(await taken({ bodyHash: 'x' })).toEqual(['other', 'unknown']);
    expect(await taken({ now: later(hour) })).toEqual(['expired', 'unknown']);
  }),
  clause('live runs are known until they are removed', async ({ liveRuns }) => {
    const run = { key: 'k1', pid: 4_194_304, processStart: '12345678', verb: 'backup', plan: 'home', startedAt: at };
    await liveRuns.add(run);
    await liveRuns.add({ ...run, key: 'k2', startedAt: later(1) });
    expect(await liveRuns.all()).toEqual([run, { ...run, key: 'k2', startedAt: later(1) }]);
    await liveRuns.remove('k1');
    await liveRuns.remove('k1');
    expect((await liveRuns.all()).map(({ key }) => key)).toEqual(['k2']);
  }),
  clause('what one process wrote is there for another, and after opening again', async (state, subject) => {
    await using other = await subject.open();
    const { id } = await other.accounts.createToken({ ...newToken, expiresAt: null });
    expect((await state.accounts.token(hash, at))?.id).toBe(id);
    await state[Symbol.asyncDispose]();
    await using reopened = await subject.open();
    expect((await reopened.accounts.tokens()).map((token) => token.id)).toEqual([id]);
  }),
];

function clause(name: string, check: (state: ServiceState, subject: ServiceStateSubject) => Promise<void>): Clause<ServiceStateSubject> {
  return {
    name,
    async run(subject) {
      await using state = await subject.open();
      await check(state, subject);
    },
  };
}
