import type { DatabaseSync } from 'node:sqlite';

/** Steps from nothing to the present schema; what was released is never changed, only added to. */
const migrations: readonly string[] = [
  `
  create table users (
    id text primary key,
    name text not null unique collate nocase,
    role text not null,
    password_hash text,
    totp_sealed text,
    totp_used_step integer,
    oidc_issuer text,
    oidc_subject text,
    created_at text not null,
    disabled_at text,
    unique (oidc_issuer, oidc_subject)
  ) strict;
  create table sessions (
    token_hash text primary key,
    user_id text not null references users (id) on delete cascade,
    created_at text not null,
    expires_at text not null,
    seen_at text not null,
    address text not null,
    agent text not null
  ) strict;
  create index sessions_by_user on sessions (user_id);
  create table api_tokens (
    id text primary key,
    token_hash text not null unique,
    name text not null,
    role text not null,
    plans text,
    created_at text not null,
    created_by text not null,
    expires_at text,
    used_at text,
    revoked_at text
  ) strict;
  create table passkeys (
    credential_id text primary key,
    user_id text not null references users (id) on delete cascade,
    label text not null,
    public_key blob not null,
    counter integer not null,
    transports text not null,
    created_at text not null,
    used_at text
  ) strict;
  create index passkeys_by_user on passkeys (user_id);
  create table setup_link (id integer primary key check (id = 1), token_hash text not null, expires_at text not null) strict;
  create table sign_in_failures (number integer primary key autoincrement, subject text not null, at text not null) strict;
  create index sign_in_failures_by_subject on sign_in_failures (subject, at);
  create table audit (
    number integer primary key autoincrement,
    at text not null,
    actor text not null,
    actor_kind text not null,
    address text not null,
    act text not null,
    target text,
    result text not null,
    details text not null
  ) strict;
  create index audit_by_act on audit (act, number);
  create index audit_by_actor on audit (actor, number);
  create table idempotency (
    actor text not null,
    key text not null,
    body_hash text not null,
    at text not null,
    status integer,
    body text,
    primary key (actor, key)
  ) strict;
  create table confirmations (
    token_hash text primary key,
    actor text not null,
    act text not null,
    body_hash text not null,
    expires_at text not null
  ) strict;
  create table schedule_records (
    plan text not null,
    verb text not null,
    signature text not null,
    considered_until text not null,
    primary key (plan, verb)
  ) strict;
  create table deliveries (
    number integer primary key autoincrement,
    id text not null unique,
    plan text,
    channel text not null,
    event text not null,
    count integer not null,
    since text not null,
    due_at text not null,
    claimed_until text,
    attempts integer not null default 0,
    state text not null default 'due',
    last_error text,
    settled_at text
  ) strict;
  create index deliveries_by_state on deliveries (state, due_at);
  create table channels (
    plan_key text not null,
    channel text not null,
    last_delivered_at text,
    last_failed_at text,
    last_error text,
    primary key (plan_key, channel)
  ) strict;
  create table troubles (
    plan_key text not null,
    subject text not null,
    since text not null,
    count integer not null,
    told_at text not null,
    event text not null,
    primary key (plan_key, subject)
  ) strict;
  create table live_runs (
    key text primary key,
    pid integer not null,
    process_start text not null,
    verb text not null,
    plan text not null,
    started_at text not null
  ) strict;
  `,
  `
  alter table idempotency add column run text not null default '';
  alter table idempotency add column interrupted integer not null default 0;
  `,
];

export const knownVersion = migrations.length;

/** Brings the schema up to `knownVersion`; returns the version found when that is newer. Processes may race to it. */
export function migrate(database: DatabaseSync): number {
  if (versionOf(database) >= knownVersion) return versionOf(database);
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const migration of migrations.slice(versionOf(database))) database.exec(migration);
    database.exec(`PRAGMA user_version = ${knownVersion}; COMMIT`);
    return knownVersion;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}
