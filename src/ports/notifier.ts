import type { ZodType } from 'zod';
import type { HoldfastEvent } from '../domain/events.ts';
import type { EnvironmentSetting, OpenContext } from './descriptor.ts';

/**
 * Tells one event to one place. Resolves when the other side took it. Throws `NOTIFY_REJECTED` (it will never be taken:
 * 4xx, an unknown recipient) or `NOTIFY_FAILED` with `retry` (unreachable, 5xx, 429 with Retry-After as `after`). No error
 * and no payload holds a secret: a URL is told by its host alone. At most 10 s; after abort nothing is sent.
 */
export interface Notifier {
  send(message: NotifierMessage, signal: AbortSignal): Promise<void>;
}

export interface NotifierMessage {
  readonly event: HoldfastEvent;
  /** How often this trouble was seen since it began; 1 for the first. */
  readonly count: number;
  /** When the trouble began; for `recovered`, what had been wrong since. */
  readonly since: Date;
  readonly host: string;
  /** Page of the plan or run in the dashboard; null when no public address is configured. */
  readonly link: string | null;
}

/** All that Holdfast knows of a kind of channel. */
export interface NotifierDescriptor<Config = unknown> {
  readonly kind: string;
  readonly title: string;
  /** Keys in `notify:`, without `kind`, `name` and `events`. Secrets are `secretText` fields. */
  readonly schema: ZodType<Config>;
  /** For status and logs, without secrets: `hooks.slack.com`, `admin@example.org`. */
  place(config: Config): string;
  /** Events that this kind cannot do without (a ping needs starts and successes); added to what the plan says. */
  readonly always?: readonly HoldfastEvent['kind'][];
  readonly environment?: readonly EnvironmentSetting[];
  open(config: Config, context: OpenContext): Notifier;
}
