import type { Role } from './principal.ts';
import type { Secret } from './secret.ts';

/** How the service meets the world: `service:` in the file, or the `HOLDFAST_…` variables. Validated. */
export interface ServiceSettings {
  readonly listen: ListenAddress;
  /** What people type, without a slash at its end: `https://backup.example.org/holdfast`; null until somebody says so. */
  readonly publicUrl: string | null;
  /** Path in front of every route, without a slash at its end; `` or `/holdfast`. */
  readonly basePath: string;
  /** Addresses and networks whose forwarding headers count; empty: nobody's. */
  readonly trustedProxies: readonly string[];
  /** Origins that may show the dashboard in a frame (Home Assistant); empty: nobody. */
  readonly frameAncestors: readonly string[];
  readonly oidc: OidcSettings | null;
  readonly passwords: boolean;
  readonly sessionHours: number;
  readonly metrics: 'token' | 'public';
  /** How many scheduled runs may go on at the same time. */
  readonly maxRuns: number;
  /** The plan that `POST /backups` runs; null: the only one, or the first of the file. */
  readonly backupsPlan: string | null;
  readonly logFormat: 'json' | 'text' | null;
}

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string };

export interface OidcSettings {
  /** `https://login.microsoftonline.com/<tenant>/v2.0` for Microsoft Entra ID. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret | null;
  readonly scopes: readonly string[];
  /** Claim whose values are looked up in `roleOf`; `roles` with Entra's app roles. */
  readonly claim: string;
  readonly roleOf: Readonly<Record<string, Role>>;
  /** For those whom no rule gives one; null: they are refused. */
  readonly defaultRole: Role | null;
  readonly buttonLabel: string;
}
