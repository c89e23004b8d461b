import { z } from 'zod';

/*
 * Every body that the versioned API takes and gives, once: requests are validated by these schemas, replies typed by them,
 * `/openapi.json` generated from them, and the dashboard imports their types. Instants are ISO 8601 in UTC.
 */

const named = <T extends z.ZodType>(id: string, schema: T): T => schema.meta({ id });
const instant = z.iso.datetime().describe('instant in UTC');
const bytes = z.int().min(0).describe('bytes');
export const planName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/u)
  .describe('name of a plan');
export const snapshotId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,63}-\d{8}-\d{6}$/u)
  .describe('id of a snapshot');
export const runKey = z
  .string()
  .regex(/^[0-9a-f-]{36}$|^n-\d{1,15}$/u)
  .describe('id of a run');
const role = z.enum(['viewer', 'operator', 'administrator']);
const outcome = z.enum(['succeeded', 'degraded', 'failed', 'skipped', 'cancelled']);
const verb = z.enum(['backup', 'verify', 'drill', 'restore', 'expire', 'copy', 'delete', 'rescue']);
const scheduledVerb = z.enum(['backup', 'expire', 'verify', 'drill']);

/** Problem details of RFC 9457, with our code and the next action. */
export const problem = named(
  'Problem',
  z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    hint: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  }),
);
const toldError = named('ToldError', z.object({ code: z.string(), message: z.string(), hint: z.string() }));

const healthReason = named(
  'HealthReason',
  z.object({ severity: z.enum(['warning', 'critical']), code: z.string(), message: z.string(), action: z.string() }),
);
const verification = named(
  'Verification',
  z.object({
    kind: z.enum(['unverified', 'passed', 'failed']),
    depth: z.enum(['present', 'readable', 'drilled']).nullable(),
    at: instant.nullable(),
    findings: z.array(z.string()),
  }),
);
export const snapshotSummary = named(
  'SnapshotSummary',
  z.object({
    id: snapshotId,
    plan: z.string(),
    store: z.string(),
    createdAt: instant,
    sequence: z.int(),
    outcome: z.enum(['succeeded', 'degraded']),
    sizeBytes: bytes,
    verification,
    description: z.string().nullable(),
    encrypted: z.boolean(),
  }),
);
const unitSummary = named(
  'Unit',
  z.object({
    name: z.string(),
    content: z.enum(['dump', 'tree']),
    source: z.string(),
    sizeBytes: bytes,
    part: z.string(),
    database: z.string().nullable(),
    host: z.string().nullable(),
    tables: z.int().nullable(),
    rows: z.int().nullable(),
    files: z.int().nullable(),
  }),
);
export const snapshotDetail = named(
  'Snapshot',
  snapshotSummary.extend({
    stores: z.array(z.object({ store: z.string(), verification })),
    units: z.array(unitSummary),
    parts: z.array(z.object({ name: z.string(), role: z.enum(['archive', 'contents']), sizeBytes: bytes, sha256: z.string() })),
    issues: z.array(
      z.object({ unit: z.string(), subject: z.string(), problem: z.string(), detail: z.string(), severity: z.enum(['loss', 'note']) }),
    ),
    restore: z.array(z.string()),
    host: z.string(),
    holdfast: z.string(),
  }),
);
export const entryType = z.enum(['directory', 'file', 'symlink', 'hardlink', 'database', 'table']);
export const contentsPage = named(
  'Contents',
  z.object({
    path: z.string(),
    entries: z.array(
      z.object({
        name: z.string(),
        path: z.string(),
        pathBase64: z.string().nullable().describe('the bytes of a path that is not UTF-8, which `path` cannot tell'),
        type: entryType,
        sizeBytes: bytes.nullable(),
        modifiedAt: instant.nullable(),
        sha256: z.string().nullable(),
        rows: z.int().nullable(),
      }),
    ),
    next: z.string().nullable(),
  }),
);

const trigger = named(
  'Trigger',
  z.object({ kind: z.enum(['command', 'schedule', 'api', 'dashboard']), user: z.string(), dueAt: instant.nullable() }),
);
const progress = named(
  'Progress',
  z.object({ label: z.string(), doneBytes: bytes, totalBytes: bytes.nullable(), bytesPerSecond: z.number().nullable() }),
);
export const run = named(
  'Run',
  z.object({
    id: runKey,
    verb,
    plan: z.string().nullable(),
    state: z.enum(['waiting', 'running', 'ended']),
    startedAt: instant,
    endedAt: instant.nullable(),
    durationMs: z.int().nullable(),
    outcome: outcome.nullable(),
    snapshotId: z.string().nullable(),
    file: z.string().nullable(),
    sizeBytes: bytes.nullable(),
    error: toldError.nullable(),
    trigger: trigger.nullable(),
    progress: progress.nullable(),
  }),
);
export const runDetail = named(
  'RunDetail',
  run.extend({
    details: z.record(z.string(), z.unknown()),
    log: z.array(z.object({ at: instant, level: z.string(), message: z.string() })),
  }),
);

export const nextRun = named('NextRun', z.object({ plan: z.string(), verb: scheduledVerb, at: instant, why: z.string() }));
export const storeState = named(
  'StoreState',
  z.object({
    name: z.string(),
    kind: z.string(),
    location: z.string(),
    plans: z.array(z.string()),
    reachable: z.boolean().nullable(),
    problem: toldError.nullable(),
    freeBytes: bytes.nullable(),
    totalBytes: bytes.nullable(),
    snapshots: z.int(),
    sizeBytes: bytes,
    newestAt: instant.nullable(),
    checkedAt: instant.nullable(),
  }),
);
export const planStatus = named(
  'PlanStatus',
  z.object({
    name: z.string(),
    health: z.enum(['healthy', 'warning', 'critical']),
    reasons: z.array(healthReason),
    provenAt: instant.nullable().describe('when the newest verified snapshot was made'),
    newest: snapshotSummary.nullable(),
    newestVerified: snapshotSummary.nullable(),
    lastDrill: z.object({ at: instant, outcome: outcome.nullable(), rtoMs: z.int().nullable(), rpoMs: z.int().nullable() }).nullable(),
    lastRun: run.nullable(),
    running: z.array(run),
    next: z.array(nextRun),
    snapshots: z.int(),
    sizeBytes: bytes,
    stores: z.array(z.string()),
    copies: z.array(
      z.object({
        store: z.string(),
        snapshots: z.int(),
        sizeBytes: bytes,
        newest: snapshotSummary.nullable(),
        missed: z.int().describe('snapshots that the first store has and this one lacks and would keep; the next backup copies them'),
      }),
    ),
    sources: z.array(z.object({ kind: z.string(), name: z.string() })),
    objectives: z.object({ rpoMs: z.int().nullable(), rtoMs: z.int().nullable() }),
  }),
);
export const trouble = named(
  'Alert',
  z.object({
    plan: z.string().nullable(),
    subject: z.string(),
    severity: z.enum(['info', 'warning', 'critical']),
    title: z.string(),
    message: z.string(),
    action: z.string().nullable(),
    since: instant,
    count: z.int(),
  }),
);
export const channelState = named(
  'Channel',
  z.object({
    plan: z.string().nullable(),
    name: z.string(),
    kind: z.string(),
    place: z.string(),
    events: z.array(z.string()),
    lastDeliveredAt: instant.nullable(),
    lastFailedAt: instant.nullable(),
    lastError: z.string().nullable(),
    waiting: z.int(),
  }),
);
export const delivery = named(
  'Delivery',
  z.object({
    id: z.string(),
    plan: z.string().nullable(),
    channel: z.string(),
    event: z.object({ kind: z.string(), severity: z.enum(['info', 'warning', 'critical']), title: z.string(), at: instant }),
    count: z.int(),
    attempts: z.int(),
    state: z.enum(['due', 'delivered', 'given-up']),
    lastError: z.string().nullable(),
    dueAt: instant,
    settledAt: instant.nullable(),
  }),
);
export const channelTests = named(
  'ChannelTests',
  z.object({ results: z.array(z.object({ channel: z.string(), error: z.string().nullable() })) }),
);
export const status = named(
  'Status',
  z.object({
    generatedAt: instant,
    health: z.enum(['healthy', 'warning', 'critical']),
    sentence: z.string().describe('the answer in one sentence'),
    plans: z.array(planStatus),
    alerts: z.array(trouble),
    history: z.enum(['ok', 'unreachable']),
    version: z.string(),
  }),
);
export const series = named(
  'Series',
  z.object({
    plan: z.string(),
    points: z.array(
      z.object({ at: instant, outcome, sizeBytes: bytes.nullable(), durationMs: z.int().nullable(), rtoMs: z.int().nullable() }),
    ),
  }),
);
const decision = named(
  'Decision',
  z.object({ id: z.string(), keep: z.boolean(), reasons: z.array(z.string()), sizeBytes: bytes, createdAt: instant }),
);
export const expirePreview = named(
  'ExpirePreview',
  z.object({ plan: z.string(), stores: z.array(z.object({ store: z.string(), decisions: z.array(decision), freedBytes: bytes })) }),
);
const change = named('Change', z.object({ what: z.string(), where: z.string(), effect: z.string() }));

const destination = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('in-place') }),
  z.strictObject({ kind: z.literal('directory'), directory: z.string().min(1).max(4096) }),
  z.strictObject({ kind: z.literal('database'), reference: z.string().regex(/^\$\{(?:env|file|credential):[^}]{1,256}\}$/u) }),
]);
export const restoreTarget = named(
  'RestoreTarget',
  z.strictObject({
    snapshot: snapshotId,
    store: z.string().max(256).optional(),
    destination,
    only: z.array(z.string().min(1).max(4096)).max(1000).default([]),
  }),
);
export const deleteTarget = named('DeleteTarget', z.strictObject({ snapshot: snapshotId, store: z.string().max(256).optional() }));
export const confirmationRequest = named(
  'ConfirmationRequest',
  z.discriminatedUnion('act', [
    z.strictObject({ act: z.literal('restore'), target: restoreTarget }),
    z.strictObject({ act: z.literal('delete'), target: deleteTarget }),
    z.strictObject({ act: z.literal('expire'), target: z.strictObject({ plan: planName }) }),
  ]),
);
export const confirmation = named('Confirmation', z.object({ confirmation: z.string(), expiresAt: instant, changes: z.array(change) }));
const confirmed = { confirmation: z.string().min(20).max(200) };
export const restoreRequest = named('RestoreRequest', restoreTarget.extend(confirmed));
export const deleteRequest = named('DeleteRequest', deleteTarget.extend(confirmed));
export const expireRequest = named('ExpireRequest', z.strictObject(confirmed));
export const backupRequest = named('BackupRequest', z.strictObject({ description: z.string().max(1000).nullish() }));
export const verifyRequest = named(
  'VerifyRequest',
  z.strictObject({ depth: z.enum(['present', 'readable']).default('readable'), store: z.string().max(256).optional() }),
);
export const drillRequest = named('DrillRequest', z.strictObject({ snapshot: snapshotId.optional() }));
export const copyRequest = named('CopyRequest', z.strictObject({ to: z.string().min(1).max(256) }));

export const me = named(
  'Me',
  z.object({
    name: z.string(),
    kind: z.enum(['user', 'token']),
    role,
    plans: z.array(z.string()).nullable(),
    csrf: z.string().nullable(),
    totp: z.boolean(),
    passkeys: z.array(z.object({ id: z.string(), label: z.string(), createdAt: instant, usedAt: instant.nullable() })),
  }),
);
export const signInRequest = named(
  'SignInRequest',
  z.strictObject({
    name: z.string().min(1).max(200),
    password: z.string().min(1).max(1000),
    code: z
      .string()
      .regex(/^\d{6}$/u)
      .optional(),
  }),
);
export const setupRequest = named(
  'SetupRequest',
  z.strictObject({ token: z.string().min(20).max(200), name: z.string().min(1).max(200), password: z.string().min(12).max(1000) }),
);
export const passwordRequest = named(
  'PasswordRequest',
  z.strictObject({ current: z.string().min(1).max(1000), next: z.string().min(12).max(1000) }),
);
export const sessionOptions = named(
  'SessionOptions',
  z.object({
    setup: z.boolean().describe('nobody can sign in yet: the administrator is created with the link that the service printed'),
    passwords: z.boolean(),
    oidc: z.object({ label: z.string() }).nullable(),
    passkeys: z.boolean(),
  }),
);
export const totpStart = named('TotpStart', z.object({ secret: z.string(), uri: z.string() }));
export const totpRequest = named('TotpRequest', z.strictObject({ code: z.string().regex(/^\d{6}$/u) }));
export const totpEndRequest = named('TotpEndRequest', z.strictObject({ password: z.string().min(1).max(1000) }));

const encoded = z.string().max(20_000);
const authenticatorAnswer = {
  id: z.string().min(1).max(2000),
  rawId: z.string().min(1).max(2000),
  type: z.literal('public-key'),
  authenticatorAttachment: z.enum(['platform', 'cross-platform']).nullish(),
  clientExtensionResults: z.looseObject({}),
};
/** What `PublicKeyCredential.toJSON()` gives: browsers add to it. */
export const passkeyRequest = named(
  'PasskeyRequest',
  z.strictObject({
    label: z.string().min(1).max(100),
    response: z.looseObject({
      ...authenticatorAnswer,
      response: z.looseObject({
        clientDataJSON: encoded,
        attestationObject: encoded,
        transports: z.array(z.string().max(50)).max(10).optional(),
      }),
    }),
  }),
);
export const passkeySignInRequest = named(
  'PasskeySignInRequest',
  z.looseObject({
    ...authenticatorAnswer,
    response: z.looseObject({
      clientDataJSON: encoded,
      authenticatorData: encoded,
      signature: encoded,
      userHandle: encoded.nullish(),
    }),
  }),
);
/** For `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON`. */
export const passkeyOptions = named('PasskeyOptions', z.looseObject({ challenge: z.string() }));
export const passkey = named('Passkey', z.object({ id: z.string(), label: z.string(), createdAt: instant, usedAt: instant.nullable() }));
export const user = named(
  'User',
  z.object({
    id: z.string(),
    name: z.string(),
    role,
    createdAt: instant,
    disabled: z.boolean(),
    password: z.boolean(),
    totp: z.boolean(),
    passkeys: z.int(),
    oidc: z.boolean(),
  }),
);
export const userRequest = named(
  'UserRequest',
  z.strictObject({ name: z.string().min(1).max(200), role, password: z.string().min(12).max(1000) }),
);
export const userChange = named(
  'UserChange',
  z.strictObject({
    role: role.optional(),
    disabled: z.boolean().optional(),
    password: z.string().min(12).max(1000).optional(),
    resetTotp: z.literal(true).optional(),
  }),
);
export const apiToken = named(
  'ApiToken',
  z.object({
    id: z.string(),
    name: z.string(),
    role,
    plans: z.array(z.string()).nullable(),
    createdAt: instant,
    createdBy: z.string(),
    expiresAt: instant.nullable(),
    usedAt: instant.nullable(),
  }),
);
export const tokenRequest = named(
  'TokenRequest',
  z.strictObject({
    name: z.string().min(1).max(200),
    role,
    plans: z.array(planName).min(1).max(100).nullish(),
    expiresAt: instant.nullish(),
  }),
);
export const newToken = named('NewApiToken', z.object({ token: z.string(), id: z.string() }));
export const auditEntry = named(
  'AuditEntry',
  z.object({
    id: z.string(),
    at: instant,
    actor: z.string(),
    address: z.string(),
    act: z.string(),
    target: z.string().nullable(),
    result: z.enum(['done', 'refused', 'failed']),
    details: z.record(z.string(), z.unknown()),
  }),
);

/** A page of a list; `next` goes into `?before=` for the following one. */
export function page<T extends z.ZodType>(id: string, item: T) {
  return named(id, z.object({ items: z.array(item), next: z.string().nullable() }));
}

/** What the streams carry: the event's name, and the type of its data. */
export interface StreamEvents {
  readonly run: z.infer<typeof run>;
  readonly status: z.infer<typeof status>;
  readonly log: { readonly runId: string; readonly at: string; readonly level: string; readonly message: string };
}

export type Status = z.infer<typeof status>;
export type PlanStatus = z.infer<typeof planStatus>;
export type ApiRun = z.infer<typeof run>;
export type ApiRunDetail = z.infer<typeof runDetail>;
export type ApiSnapshot = z.infer<typeof snapshotSummary>;
export type ApiSnapshotDetail = z.infer<typeof snapshotDetail>;
export type ContentsPage = z.infer<typeof contentsPage>;
export type StoreState = z.infer<typeof storeState>;
/** @internal Only the dashboard, which is built apart, uses it. */
export type ExpirePreview = z.infer<typeof expirePreview>;
export type Confirmation = z.infer<typeof confirmation>;
/** @internal Only the dashboard, which is built apart, uses it. */
export type Me = z.infer<typeof me>;
export type Problem = z.infer<typeof problem>;
