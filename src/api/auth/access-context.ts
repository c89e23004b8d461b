import type { HoldfastEvent } from '../../domain/events.ts';
import type { ServiceSettings } from '../../domain/service-settings.ts';
import type { AccountsContext } from '../../operations/accounts.ts';
import type { OneTimeCodes, Seal } from '../../ports/credentials.ts';
import type { Log } from '../../ports/log.ts';

/** What signing in and giving leave needs; `src/serve.ts` puts it together. */
export interface AccessContext extends AccountsContext {
  readonly settings: ServiceSettings;
  /** Tokens may be bound to these. */
  readonly plans: ReadonlyMap<string, unknown>;
  readonly codes: OneTimeCodes;
  readonly seal: Seal;
  readonly log: Log;
  emit(event: HoldfastEvent): Promise<void>;
}
