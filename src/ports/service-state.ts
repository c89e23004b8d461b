import type { HoldfastEvent } from '../domain/events.ts';
import type { Role } from '../domain/principal.ts';
import type { ScheduledVerb } from '../domain/due.ts';

/**
 * What the service must remember beside the history: who may act, what the scheduler settled, what must still be told. One
 * SQLite file in the data directory, for its owner alone; several processes may have it open (`holdfast token create` beside
 * the service). Writes are durable when they return. Hashes only, never a secret in clear.
 */
export interface ServiceState extends AsyncDisposable {
  readonly accounts: Accounts;
  readonly schedules: ScheduleRecords;
  readonly outbox: Outbox;
  readonly audit: AuditLog;
  readonly requests: RequestRecords;
  readonly liveRuns: LiveRunRecords;
}

export interface Accounts {
  countUsers(): Promise<number>;
  createUser(user: NewUser): Promise<User>;
  updateUser(
    id: string,
    change: Partial<Pick<StoredUser, 'role' | 'passwordHash' | 'totpSecret' | 'totpUsedStep' | 'disabledAt'>>,
  ): Promise<void>;
  deleteUser(id: string): Promise<void>;
  users(): Promise<readonly User[]>;
  userByName(name: string): Promise<StoredUser | undefined>;
  userById(id: string): Promise<StoredUser | undefined>;
  userByOidc(issuer: string, subject: string): Promise<StoredUser | undefined>;

  createSession(session: NewSession): Promise<void>;
  /** Undefined when unknown, expired, or its user is disabled. */
  session(tokenHash: string, now: Date): Promise<SessionWithUser | undefined>;
  touchSession(tokenHash: string, seenAt: Date): Promise<void>;
  endSession(tokenHash: string): Promise<void>;
  endSessionsOf(userId: string): Promise<void>;

  createToken(token: NewToken): Promise<ApiToken>;
  /** Undefined when unknown, expired or revoked. */
  token(tokenHash: string, now: Date): Promise<ApiToken | undefined>;
  tokens(): Promise<readonly ApiToken[]>;
  touchToken(id: string, usedAt: Date): Promise<void>;
  /** False when there is none. */
  revokeToken(id: string, at: Date): Promise<boolean>;

  addPasskey(passkey: Passkey): Promise<void>;
  passkeysOf(userId: string): Promise<readonly Passkey[]>;
  passkey(credentialId: string): Promise<Passkey | undefined>;
  usedPasskey(credentialId: string, counter: number, at: Date): Promise<void>;
  removePasskey(userId: string, credentialId: string): Promise<boolean>;
  removePasskeysOf(userId: string): Promise<void>;

  /** Of the set-up link; null clears it. */
  setSetupLink(link: { readonly tokenHash: string; readonly expiresAt: Date } | null): Promise<void>;
  /** True once for a link that is valid: it is gone then. */
  takeSetupLink(tokenHash: string, now: Date): Promise<boolean>;

  /** Failed sign-ins of a name or address since a moment; kept 24 hours. */
  recordFailure(subject: string, at: Date): Promise<void>;
  failures(subject: string, since: Date): Promise<readonly Date[]>;
  clearFailures(subject: string): Promise<void>;
}

export interface User {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
  readonly hasPassword: boolean;
  readonly hasTotp: boolean;
  /** How many. */
  readonly passkeys: number;
  readonly oidc: { readonly issuer: string; readonly subject: string } | null;
}

export type StoredUser = User & {
  readonly passwordHash: string | null;
  readonly totpSecret: string | null;
  readonly totpUsedStep: number | null;
};
export type NewUser = Pick<StoredUser, 'name' | 'role' | 'createdAt' | 'passwordHash' | 'oidc'>;

export interface NewSession {
  readonly tokenHash: string;
  readonly userId: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly address: string;
  readonly agent: string;
}
export type SessionWithUser = NewSession & { readonly user: User; readonly seenAt: Date };

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Null: every plan. */
  readonly plans: readonly string[] | null;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly expiresAt: Date | null;
  readonly usedAt: Date | null;
  readonly revokedAt: Date | null;
}
export type NewToken = Pick<ApiToken, 'name' | 'role' | 'plans' | 'createdAt' | 'createdBy' | 'expiresAt'> & { readonly tokenHash: string };

export interface Passkey {
  readonly credentialId: string;
  readonly userId: string;
  readonly label: string;
  readonly publicKey: Uint8Array;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly createdAt: Date;
  readonly usedAt: Date | null;
}

export interface ScheduleRecords {
  /** `signature` is of the schedule's own text: an edited schedule starts afresh. Undefined when never seen. */
  record(plan: string, verb: ScheduledVerb): Promise<ScheduleRecord | undefined>;
  settle(record: ScheduleRecord): Promise<void>;
}
export interface ScheduleRecord {
  readonly plan: string;
  readonly verb: ScheduledVerb;
  readonly signature: string;
  readonly consideredUntil: Date;
}

export interface Outbox {
  enqueue(delivery: NewDelivery): Promise<void>;
  /** Due ones, oldest first. A claim by another process lasts two minutes. */
  claimDue(now: Date, limit: number): Promise<readonly Delivery[]>;
  settle(id: string, result: DeliveryResult): Promise<void>;
  recent(limit: number): Promise<readonly Delivery[]>;
  /** One row for each channel that ever sent: whether it works. */
  channels(): Promise<readonly ChannelState[]>;
  trouble(plan: string | null, subject: string): Promise<Trouble | undefined>;
  recordTrouble(trouble: Trouble): Promise<void>;
  endTrouble(plan: string | null, subject: string): Promise<Trouble | undefined>;
  openTroubles(): Promise<readonly Trouble[]>;
}
/** A trouble that goes on: what is told once, repeated seldom, and ended by one `recovered`. */
export interface Trouble {
  readonly plan: string | null;
  readonly subject: string;
  readonly since: Date;
  readonly count: number;
  readonly toldAt: Date;
  readonly event: HoldfastEvent;
}
export interface NewDelivery {
  readonly plan: string | null;
  readonly channel: string;
  readonly event: HoldfastEvent;
  readonly count: number;
  readonly since: Date;
  readonly dueAt: Date;
}
export type Delivery = NewDelivery & {
  readonly id: string;
  readonly attempts: number;
  readonly state: 'due' | 'delivered' | 'given-up';
  readonly lastError: string | null;
  readonly settledAt: Date | null;
};
export type DeliveryResult =
  | { readonly kind: 'delivered'; readonly at: Date }
  | { readonly kind: 'again'; readonly dueAt: Date; readonly error: string }
  | { readonly kind: 'given-up'; readonly at: Date; readonly error: string };
export interface ChannelState {
  readonly plan: string | null;
  readonly channel: string;
  readonly lastDeliveredAt: Date | null;
  readonly lastFailedAt: Date | null;
  readonly lastError: string | null;
  readonly waiting: number;
}

export interface AuditLog {
  append(entry: Omit<AuditEntry, 'id'>): Promise<void>;
  /** Newest first; `before` is an id. */
  entries(filter: {
    readonly limit: number;
    readonly before?: string;
    readonly actor?: string;
    readonly act?: string;
  }): Promise<readonly AuditEntry[]>;
}
export interface AuditEntry {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly actorKind: 'user' | 'token' | 'system' | 'anonymous';
  readonly address: string;
  /** `sign-in`, `restore`, `delete`, `token-create`, … */
  readonly act: string;
  readonly target: string | null;
  readonly result: 'done' | 'refused' | 'failed';
  readonly details: Readonly<Record<string, unknown>>;
}

export interface RequestRecords {
  /** Reserves the key, or answers with what it led to before. Keys are kept 24 hours and belong to one actor. */
  beginIdempotent(request: IdempotentRequest): Promise<IdempotentBefore>;
  /** For a service that starts: whatever is still going on ended with the service before it. */
  interruptIdempotent(): Promise<void>;
  /** Reserves an interrupted key anew. False when it is not interrupted any more, or by the end of another run. */
  retakeIdempotent(request: IdempotentRequest, interruptedRun: string): Promise<boolean>;
  endIdempotent(actor: string, key: string, reply: { readonly status: number; readonly body: string } | null): Promise<void>;
  createConfirmation(confirmation: {
    readonly tokenHash: string;
    readonly actor: string;
    readonly act: string;
    readonly bodyHash: string;
    readonly expiresAt: Date;
  }): Promise<void>;
  /** Consumes it. Whatever does not fit is refused, and a token that was shown to the wrong act is gone too. */
  takeConfirmation(given: {
    readonly tokenHash: string;
    readonly actor: string;
    readonly act: string;
    readonly bodyHash: string;
    readonly now: Date;
  }): Promise<'fits' | 'unknown' | 'expired' | 'other'>;
}
export interface IdempotentRequest {
  readonly actor: string;
  readonly key: string;
  readonly bodyHash: string;
  /** Key of the run that the request starts, if it starts one. */
  readonly run: string;
  readonly at: Date;
}
export type IdempotentBefore =
  | { readonly kind: 'new' }
  | { readonly kind: 'going-on' }
  | { readonly kind: 'interrupted'; readonly run: string }
  | { readonly kind: 'other-body' }
  | { readonly kind: 'done'; readonly status: number; readonly body: string };

/** Worker processes that were started, so that a service that comes back knows which died with it. */
export interface LiveRunRecords {
  add(run: {
    readonly key: string;
    readonly pid: number;
    readonly processStart: string;
    readonly verb: string;
    readonly plan: string;
    readonly startedAt: Date;
  }): Promise<void>;
  remove(key: string): Promise<void>;
  all(): Promise<
    readonly {
      readonly key: string;
      readonly pid: number;
      readonly processStart: string;
      readonly verb: string;
      readonly plan: string;
      readonly startedAt: Date;
    }[]
  >;
}
