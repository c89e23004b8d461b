import { join } from 'node:path';
import { issueToken } from '../../src/operations/accounts.ts';
import type { Role } from '../../src/domain/principal.ts';
import { systemClock } from '../../src/platform/system-clock.ts';
import { openServiceState } from '../../src/state/service-state.ts';
import type { Installation, Running, StartOptions } from './holdfast.ts';

/** `holdfast serve` on a port of its own. */
export interface Service extends AsyncDisposable {
  readonly url: string;
  readonly process: Running;
  /** Headers that carry a new token of that role. */
  as(role: Role): Promise<Record<string, string>>;
}

export async function serve(machine: Installation, options?: StartOptions): Promise<Service> {
  const process = machine.start(['serve', '--listen', '127.0.0.1:0', '--json'], options);
  const [, url = ''] = await process.untilPrinted(/"listening":\s*\[\s*"([^"]+)"/);
  return {
    url,
    process,
    as: (role) => tokenOf(machine, role),
    async [Symbol.asyncDispose]() {
      process.kill('SIGTERM');
      await process.ended;
    },
  };
}

async function tokenOf(machine: Installation, role: Role): Promise<Record<string, string>> {
  await using state = await openServiceState(join(machine.dataDirectory, 'service.sqlite'), { clock: systemClock });
  const wish = { name: role, role, plans: null, expiresAt: null, createdBy: 'ada' };
  const { token } = await issueToken({ state, clock: systemClock }, wish);
  return { authorization: `Bearer ${token}` };
}
