import { errorCodes, HoldfastError, type ErrorCode } from '../domain/errors.ts';
import type { Principal } from '../domain/principal.ts';
import type { RunTrigger, RunWork } from '../domain/run-request.ts';
import type { LiveRun, WorkerReport } from '../ports/runner.ts';
import type { ApiContext } from './api-context.ts';
import { presentLive } from './present.ts';
import type { RouteInput, RouteReply } from './route.ts';

type Starting = Pick<ApiContext, 'queue'>;

/** Who asks for a run, and by what key it is known. */
export type Asking = Pick<RouteInput<unknown, unknown, unknown>, 'principal' | 'runKey'>;

/** Hands a run to the queue, in the name of whoever asks. Throws `LOCK_HELD`, `SERVICE_STOPPING`. */
export function startRun({ queue }: Starting, { principal, runKey }: Asking, work: RunWork): LiveRun {
  return queue.submit({ key: runKey, trigger: triggerOf(principal), ...work });
}

function triggerOf(principal: Principal | null): RunTrigger {
  return { kind: principal?.kind === 'user' ? 'dashboard' : 'api', user: principal?.name ?? 'anonymous', dueAt: null };
}

/** The reply to an act that takes long: the run, and where to follow it. */
export function accepted(live: LiveRun, target: string | null): RouteReply {
  const { request } = live;
  return {
    status: 202,
    body: presentLive(live),
    headers: { location: `/api/v1/runs/${request.key}` },
    audited: { target, details: { run: request.key, plan: request.plan } },
  };
}

/** For calls that wait until the run has ended. Throws what made it fail. */
export async function endOf({ queue }: Starting, { request }: LiveRun): Promise<WorkerReport> {
  const report = await queue.whenEnded(request.key);
  if (report.outcome === 'succeeded' || report.outcome === 'degraded') return report;
  const { code, message, hint } = report.error ?? {
    code: 'INTERNAL',
    message: `The ${request.verb} ended as ${report.outcome}, and did not say why`,
    hint: 'See the log of the service',
  };
  throw new HoldfastError(isErrorCode(code) ? code : 'INTERNAL', message, { hint, details: { run: request.key } });
}

function isErrorCode(code: string): code is ErrorCode {
  return (errorCodes as readonly string[]).includes(code);
}
