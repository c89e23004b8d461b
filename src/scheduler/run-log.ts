import type { RunRequest } from '../domain/run-request.ts';
import type { Log } from '../ports/log.ts';
import type { LiveRun, RunLogEntry, RunQueue } from '../ports/runner.ts';

type RunVerb = RunRequest['verb'];

/** Who is at work, in the log's own words. */
const components: Readonly<Record<RunVerb, string>> = {
  backup: 'Backup',
  expire: 'Backup',
  verify: 'Verify',
  drill: 'Drill',
  restore: 'Restore',
  copy: 'Service',
  delete: 'Service',
};

/** What a run is called in the log. Somebody may search it for the words of the first two. */
const names: Readonly<Record<RunVerb, string>> = {
  backup: 'backup',
  expire: 'backup cleanup',
  verify: 'verify',
  drill: 'drill',
  restore: 'restore',
  copy: 'copy',
  delete: 'delete',
};

/** Writes one line when a run begins and one when it ends: who, which plan and file, how large, how long, and why it failed. */
export function logRuns(queue: RunQueue, log: Log): void {
  const told = new Map<string, LiveRun['state']>();
  queue.subscribe((run) => {
    const { key } = run.request;
    if (told.get(key) === run.state) return;
    told.set(key, run.state);
    if (run.state === 'running') log.info(`Running ${nameOf(run.request)}`, fieldsOf(run.request));
    if (run.state === 'ended') {
      told.delete(key);
      logEnd(run, queue.log(key), log);
    }
  });
  queue.subscribeToLog(({ key, level, message, fields }) => {
    const run = queue.find(key);
    log[level](message, { ...(run === undefined ? {} : fieldsOf(run.request)), ...fields });
  });
}

function nameOf({ verb, trigger }: RunRequest): string {
  return trigger.kind === 'schedule' ? `scheduled ${names[verb]}` : names[verb];
}

function fieldsOf({ key, verb, plan, trigger }: RunRequest) {
  return { user: trigger.user, component: components[verb], plan, run: key };
}

function logEnd({ request, report }: LiveRun, logged: readonly RunLogEntry[], log: Log): void {
  if (report === null) return;
  const { outcome, error, durationMs, snapshotId } = report;
  const fields = { ...fieldsOf(request), outcome, snapshot: snapshotId, ...sizes(report.details), durationMs };
  const name = sentence(nameOf(request));
  if (outcome === 'succeeded') return log.info(`${name} completed`, fields);
  const failure = logged.findLast(({ message }) => message === `${request.verb} failed`)?.fields ?? {};
  const isProblem = outcome === 'failed' || outcome === 'degraded';
  const how = outcome === 'degraded' ? 'completed, degraded' : outcome;
  log[isProblem ? 'error' : 'warn'](`${name} ${how}`, error === null ? fields : { ...fields, error: { ...error, ...failure } });
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** Of a backup's details, which are its own; null for what has no archive. */
function sizes(details: unknown): { readonly file: string | null; readonly sizeBytes: number | null } {
  const { parts, sizeBytes } = (details ?? {}) as { readonly parts?: readonly { readonly name?: unknown }[]; readonly sizeBytes?: unknown };
  const file = Array.isArray(parts) ? (parts[0] as { readonly name?: unknown } | undefined)?.name : null;
  return { file: typeof file === 'string' ? file : null, sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : null };
}
