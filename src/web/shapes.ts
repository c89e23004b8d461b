import type { z } from 'zod';
import type * as contract from '../api/contract.ts';

export type Status = contract.Status;
export type PlanStatus = contract.PlanStatus;
export type Run = contract.ApiRun;
export type RunDetail = contract.ApiRunDetail;
export type Snapshot = contract.ApiSnapshot;
export type SnapshotDetail = contract.ApiSnapshotDetail;
export type Contents = contract.ContentsPage;
export type StoreState = contract.StoreState;
export type ExpirePreview = contract.ExpirePreview;
export type Confirmation = contract.Confirmation;
export type Me = contract.Me;
export type Problem = contract.Problem;
export type StreamEvents = contract.StreamEvents;
export type Alert = z.infer<typeof contract.trouble>;
export type Channel = z.infer<typeof contract.channelState>;
export type Delivery = z.infer<typeof contract.delivery>;
export type Series = z.infer<typeof contract.series>;
export type NextRun = z.infer<typeof contract.nextRun>;
export type User = z.infer<typeof contract.user>;
export type ApiToken = z.infer<typeof contract.apiToken>;
export type NewApiToken = z.infer<typeof contract.newToken>;
export type AuditEntry = z.infer<typeof contract.auditEntry>;
export type RestoreTarget = z.input<typeof contract.restoreTarget>;
export type Role = Me['role'];

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** What anybody may know before signing in. */
export interface SignInOptions {
  readonly setup: boolean;
  readonly passwords: boolean;
  readonly oidc: { readonly label: string } | null;
  readonly passkeys: boolean;
}
