import type { Generated } from 'kysely';

/** Tables of the service's state. Instants are ISO 8601 text in UTC, which sorts as time does; JSON is text. */
export interface StateSchema {
  readonly users: UsersTable;
  readonly sessions: SessionsTable;
  readonly api_tokens: ApiTokensTable;
  readonly passkeys: PasskeysTable;
  readonly setup_link: { readonly id: number; readonly token_hash: string; readonly expires_at: string };
  readonly sign_in_failures: { readonly number: Generated<number>; readonly subject: string; readonly at: string };
  readonly audit: AuditTable;
  readonly idempotency: IdempotencyTable;
  readonly confirmations: ConfirmationsTable;
  readonly schedule_records: ScheduleRecordsTable;
  readonly deliveries: DeliveriesTable;
  readonly channels: ChannelsTable;
  readonly troubles: TroublesTable;
  readonly live_runs: LiveRunsTable;
}

export interface UsersTable {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly password_hash: string | null;
  readonly totp_sealed: string | null;
  readonly totp_used_step: number | null;
  readonly oidc_issuer: string | null;
  readonly oidc_subject: string | null;
  readonly created_at: string;
  readonly disabled_at: string | null;
}

interface SessionsTable {
  readonly token_hash: string;
  readonly user_id: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly seen_at: string;
  readonly address: string;
  readonly agent: string;
}

export interface ApiTokensTable {
  readonly id: string;
  readonly token_hash: string;
  readonly name: string;
  readonly role: string;
  /** JSON; null for every plan. */
  readonly plans: string | null;
  readonly created_at: string;
  readonly created_by: string;
  readonly expires_at: string | null;
  readonly used_at: string | null;
  readonly revoked_at: string | null;
}

export interface PasskeysTable {
  readonly credential_id: string;
  readonly user_id: string;
  readonly label: string;
  readonly public_key: Uint8Array;
  readonly counter: number;
  readonly transports: string;
  readonly created_at: string;
  readonly used_at: string | null;
}

export interface AuditTable {
  readonly number: Generated<number>;
  readonly at: string;
  readonly actor: string;
  readonly actor_kind: string;
  readonly address: string;
  readonly act: string;
  readonly target: string | null;
  readonly result: string;
  readonly details: string;
}

interface IdempotencyTable {
  readonly actor: string;
  readonly key: string;
  readonly body_hash: string;
  readonly at: string;
  /** Null while the first request goes on. */
  readonly status: number | null;
  readonly body: string | null;
  readonly run: string;
  /** 1 when the service ended while the first request went on. */
  readonly interrupted: number;
}

interface ConfirmationsTable {
  readonly token_hash: string;
  readonly actor: string;
  readonly act: string;
  readonly body_hash: string;
  readonly expires_at: string;
}

interface ScheduleRecordsTable {
  readonly plan: string;
  readonly verb: string;
  readonly signature: string;
  readonly considered_until: string;
}

export interface DeliveriesTable {
  readonly id: string;
  /** Counts upward: tells the order also of those that are due at the same moment. */
  readonly number: Generated<number>;
  readonly plan: string | null;
  readonly channel: string;
  readonly event: string;
  readonly count: number;
  readonly since: string;
  readonly due_at: string;
  readonly claimed_until: string | null;
  readonly attempts: number;
  readonly state: string;
  readonly last_error: string | null;
  readonly settled_at: string | null;
}

interface ChannelsTable {
  /** Empty for the service itself: a key has no nulls. */
  readonly plan_key: string;
  readonly channel: string;
  readonly last_delivered_at: string | null;
  readonly last_failed_at: string | null;
  readonly last_error: string | null;
}

export interface TroublesTable {
  readonly plan_key: string;
  readonly subject: string;
  readonly since: string;
  readonly count: number;
  readonly told_at: string;
  readonly event: string;
}

interface LiveRunsTable {
  readonly key: string;
  readonly pid: number;
  readonly process_start: string;
  readonly verb: string;
  readonly plan: string;
  readonly started_at: string;
}
