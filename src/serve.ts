import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ApiContext, StatusBoard } from './api/api-context.ts';
import type { AccessContext } from './api/auth/access-context.ts';
import { openAuthenticate } from './api/auth/authenticate.ts';
import { setupPath } from './api/auth/setup.ts';
import { openAlerts, testChannelsOf } from './alerting.ts';
import { Listings } from './api/listings.ts';
import type { AnyRoute } from './api/route.ts';
import { accessRoutes } from './api/routes/access.ts';
import { alertRoutes } from './api/routes/alerts.ts';
import { archiveRoutes } from './api/routes/archives.ts';
import { eventRoutes } from './api/routes/events.ts';
import { planRoutes } from './api/routes/plans.ts';
import { restoreRoutes } from './api/routes/restores.ts';
import { runRoutes } from './api/routes/runs.ts';
import { snapshotRoutes } from './api/routes/snapshots.ts';
import { statusRoutes } from './api/routes/status.ts';
import { storeRoutes } from './api/routes/stores.ts';
import { openServer } from './api/server.ts';
import { openStatusBoard } from './api/status-board.ts';
import { readWebAssets } from './api/web-assets.ts';
import { givenFlag } from './config/environment-value.ts';
import { HoldfastError, isHoldfastError } from './domain/errors.ts';
import type { HoldfastEvent } from './domain/events.ts';
import type { Plan, PlanChannel } from './domain/plan.ts';
import { system } from './domain/principal.ts';
import type { RunRequest } from './domain/run-request.ts';
import type { ServiceSettings } from './domain/service-settings.ts';
import type { Configuration, OpenWorld } from './operations/context.ts';
import { closeDeadRuns, recordUnstarted, tellError } from './operations/record-run.ts';
import type { DataDirectory } from './platform/data-directory.ts';
import { openFolderIndex } from './platform/folder-index.ts';
import { openPasswordHash } from './platform/password-hash.ts';
import { openPlanLock } from './platform/plan-lock.ts';
import { processStart } from './platform/process-start.ts';
import { openRunLauncher } from './platform/run-process.ts';
import { openServiceKey } from './platform/service-key.ts';
import { oneTimeCodes } from './platform/totp.ts';
import type { OpenContext } from './ports/descriptor.ts';
import type { WorkerMessage } from './ports/runner.ts';
import type { ServiceState } from './ports/service-state.ts';
import type { Alerts } from './scheduler/alerts.ts';
import { type DeadRunsWorld, RunsOfBefore } from './scheduler/dead-runs.ts';
import { nextBackup } from './scheduler/plan-schedules.ts';
import { previewVerb } from './scheduler/preview.ts';
import { logRuns } from './scheduler/run-log.ts';
import { Runs } from './scheduler/run-queue.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { Watch } from './scheduler/watch.ts';
import { openServiceState } from './state/service-state.ts';
import { describeConfiguration, openChannels, openWorld, ownDataDirectory } from './world.ts';

/*
 * The process of `holdfast serve`: schedules, the API and the dashboard over one history and one state. Each run has a
 * process of its own (worker.ts).
 */

export interface Serving {
  readonly configuration: Configuration;
  readonly settings: ServiceSettings;
  /** The log is the service's own. */
  readonly context: OpenContext;
  /** Fires when the service is to stop. */
  readonly signal: AbortSignal;
  /** Told once, when it answers there. */
  readonly onListening: (addresses: readonly string[]) => void;
}

/** Serves until it is told to stop, and ends in order. Throws what keeps it from starting. */
export async function serve(serving: Serving): Promise<void> {
  const { context, signal } = serving;
  const data = await ownDataDirectory(context);
  await using _alone = await lockService(data, context);
  await using state = await openServiceState(data.stateFile, context);
  await state.requests.interruptIdempotent();
  const telling = Promise.withResolvers<Alerts>();
  const emit = async (event: HoldfastEvent): Promise<void> => {
    try {
      await (await telling.promise).emit(event);
    } catch (error) {
      context.log.error('What happened could not be told to anybody', {
        event: event.kind,
        plan: event.plan,
        error: tellError(error).message,
      });
    }
  };
  const started = { trigger: { kind: 'api', user: system.name, dueAt: null }, newRunKey: randomUUID, emit } as const;
  await using world = await openWorld({
    context,
    progress: { step: () => undefined },
    check: false,
    historyUrl: serving.configuration.historyUrl,
    staysOpen: true,
    started,
  });
  const alerts = await openServiceAlerts(serving, { state, world });
  telling.resolve(alerts);
  const runs = openRuns(serving, { state, world });
  const scheduler = openScheduler(serving, { state, world, data, runs });
  const before = new RunsOfBefore(serving.configuration.plans.values(), deadRunsWorld(world, state));
  // Nobody is to see a dead run going on.
  await before.closeDead();
  await using _sending = sending(alerts);
  await using server = await openApi(serving, { state, world, data, runs, scheduler });
  serving.onListening(server.addresses);
  const settled = before.settle(signal);
  const watch = openWatch(serving, { state, world, data, alerts, board: server.board });
  const unwatch = runs.subscribe(({ state: runState }) => void (runState === 'ended' && watch.look()));
  watch.start();
  await scheduler.start();
  logStart(serving);
  if (!signal.aborted) await once(signal, 'abort');
  context.log.info('The service is stopping', { user: system.name, component: 'Service' });
  await scheduler.stop();
  await scheduler.giveBack(await runs.stop('The service was stopped'));
  await settled;
  unwatch();
  await watch.stop();
}

/** From before the API answers until it has ended: what its last acts tell is sent too. */
function sending({ dispatcher }: Alerts): AsyncDisposable {
  dispatcher.start();
  return { [Symbol.asyncDispose]: () => dispatcher.stop() };
}

/** The variable speaks of the plan of the environment, which is the only one when there is no file. */
function logStart({ configuration: { plans, file }, context: { log, environment } }: Serving): void {
  const isDisabled = file === null && givenFlag(environment, 'BACKUP_ENABLED') === false;
  const message = isDisabled ? 'Automated backups are disabled (BACKUP_ENABLED=false)' : 'Backup scheduler started';
  log.info(message, { user: system.name, component: 'Service', plans: [...plans.keys()] });
}

/** Two services over one data directory would run everything twice. */
async function lockService({ path }: DataDirectory, { clock }: OpenContext): Promise<AsyncDisposable> {
  try {
    return await openPlanLock(join(path, 'service'), clock).acquire('service');
  } catch (error) {
    if (!isHoldfastError(error, 'LOCK_HELD')) throw error;
    const { pid, host } = error.details as { readonly pid?: number; readonly host?: string };
    const who = pid === undefined ? 'another process' : `process ${pid} on ${host}`;
    throw new HoldfastError('LOCK_HELD', `Cannot start the service: ${who} serves the data directory "${path}" already`, {
      hint: 'Stop that one first, or set HOLDFAST_DATA_DIR to another directory for this one',
      cause: error,
    });
  }
}

async function openServiceAlerts({ configuration, settings, context }: Serving, { state, world }: Parts): Promise<Alerts> {
  const { publicUrl } = settings;
  return await openAlerts({ configuration, publicUrl, world, state, context, whenUnknown: 'give-up' });
}

interface WatchParts extends Parts {
  readonly data: DataDirectory;
  readonly alerts: Alerts;
  readonly board: StatusBoard;
}

function openWatch({ configuration: { plans } }: Serving, { state, world, data, alerts, board }: WatchParts): Watch {
  return new Watch({
    plans,
    context: world,
    outbox: state.outbox,
    stores: () => board.stores(),
    nextDue: (plan, after) => nextBackup(plan, data.installation, after),
    emit: (event) => alerts.emit(event),
    end: (plan, subject) => alerts.end(plan, subject),
  });
}

interface Parts {
  readonly state: ServiceState;
  readonly world: OpenWorld;
}

function openRuns({ configuration, settings, context }: Serving, { state, world }: Parts): Runs {
  const { clock, log, environment } = context;
  const program = fileURLToPath(new URL('main.ts', import.meta.url));
  const runs = new Runs({
    launcher: openRunLauncher({ program, file: configuration.file, environment, clock }),
    records: state.liveRuns,
    clock,
    log,
    maxScheduled: settings.maxRuns,
    isHeld: (lock) => world.lock.isHeld(lock),
    processStart,
    onEvent: (event) => world.emit(eventOf(event)),
    onNotStarted: (request, report) => recordUnstarted(world, request, report),
    onDeath: async ({ plan }) => void (await closeDeadRuns(world, plan)),
  });
  logRuns(runs, log);
  return runs;
}

function eventOf({ at, atRiskSince, ...event }: Extract<WorkerMessage, { kind: 'event' }>['event']): HoldfastEvent {
  return { ...event, at: new Date(at), atRiskSince: atRiskSince === null ? null : new Date(atRiskSince) };
}

function deadRunsWorld(context: OpenWorld, { liveRuns: records }: ServiceState): DeadRunsWorld {
  return { context, records, processStart, endProcess: (pid, signal) => void process.kill(pid, signal) };
}

function openScheduler(
  { configuration, context }: Serving,
  { state, world, data, runs }: Parts & { readonly data: DataDirectory; readonly runs: Runs },
): Scheduler {
  return new Scheduler({
    plans: configuration.plans.values(),
    installation: data.installation,
    clock: context.clock,
    uptimeMs: () => uptime() * 1000,
    log: context.log,
    records: state.schedules,
    history: world.history,
    newRunKey: randomUUID,
    start: async (request, waitMs) => {
      runs.schedule(request, waitMs);
      await writeDown(request, { state, world });
    },
    emit: (event) => world.emit(event),
  });
}

/** What the service does by itself is in the audit beside what people do. */
async function writeDown({ key, verb, plan, trigger }: RunRequest, { state, world }: Parts): Promise<void> {
  const details = { run: key, dueAt: trigger.dueAt };
  const entry = { at: world.clock.now(), actor: system.name, actorKind: 'system', address: '', act: verb, target: plan } as const;
  try {
    await state.audit.append({ ...entry, result: 'done', details });
  } catch (error) {
    world.log.error('A scheduled run is missing from the audit', {
      ...details,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

interface ApiParts extends Parts {
  readonly data: DataDirectory;
  readonly runs: Runs;
  readonly scheduler: Scheduler;
}

interface OpenApi extends AsyncDisposable {
  readonly addresses: readonly string[];
  readonly board: StatusBoard;
}

const schedulerPatienceMs = 2 * 60_000;

async function openApi({ configuration, settings, context }: Serving, { state, world, data, runs, scheduler }: ApiParts): Promise<OpenApi> {
  const { clock, log } = context;
  const channels = await shownChannels(configuration, context);
  const bare: Omit<ApiContext, 'board'> = {
    plans: configuration.plans,
    settings,
    world,
    state,
    queue: runs,
    listings: new Listings({ world, openFolderIndex }),
    preview: (plan, verb, from, count) => previewVerb(plan, verb, { installation: data.installation, from, count }),
    shownConfiguration: async () => (await describeConfiguration(configuration)).json,
    testChannels: (plan, by) => testAll(configuration.plans.get(plan), { by: by.name, settings, context }),
    channels: () => channels,
  };
  const access = await openAccess(bare, { data, log, clock });
  const board = await openStatusBoard(bare);
  const server = await openServer(
    { ...bare, board },
    {
      routes: [...routesOf({ ...bare, board }), ...accessRoutes(access)],
      authenticate: openAuthenticate(access),
      web: await readWebAssets(fileURLToPath(new URL('../dist/web', import.meta.url))),
      log,
      clock,
      isSchedulerAlive: () => (scheduler.sinceLastTickMs ?? 0) < schedulerPatienceMs,
    },
  );
  await inviteAdministrator(access, server.addresses);
  return {
    addresses: server.addresses,
    board,
    async [Symbol.asyncDispose]() {
      await server.close();
      await board[Symbol.asyncDispose]();
    },
  };
}

async function shownChannels({ plans }: Configuration, context: OpenContext): Promise<ReturnType<ApiContext['channels']>> {
  const { place } = await openChannels(context);
  return [...plans.values()].flatMap(({ name: plan, notify }) =>
    notify.map((channel) => ({ plan, name: channel.name, kind: channel.kind, place: placeShown(channel, place), events: channel.events })),
  );
}

/** An address that cannot be had has no place yet. */
function placeShown(channel: PlanChannel, place: (channel: PlanChannel) => string): string {
  try {
    return place(channel);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return '';
  }
}

async function testAll(
  plan: Plan | undefined,
  { by, settings, context }: Pick<Serving, 'settings' | 'context'> & { readonly by: string },
): ReturnType<ApiContext['testChannels']> {
  if (plan === undefined) return [];
  const signal = new AbortController().signal;
  const results = await testChannelsOf(plan, { context, by, publicUrl: settings.publicUrl, signal });
  return results.map(({ channel, error }) => ({ channel, error: error?.message ?? null }));
}

const routeGroups = [
  alertRoutes,
  archiveRoutes,
  statusRoutes,
  eventRoutes,
  planRoutes,
  runRoutes,
  snapshotRoutes,
  restoreRoutes,
  storeRoutes,
] as const;

function routesOf(context: ApiContext): AnyRoute[] {
  return routeGroups.flatMap((routes) => routes(context));
}

async function openAccess(
  { settings, plans, state, world }: Omit<ApiContext, 'board'>,
  { data, log, clock }: Pick<OpenContext, 'log' | 'clock'> & { readonly data: DataDirectory },
): Promise<AccessContext> {
  const seal = await openServiceKey(join(data.path, 'service.key'));
  return {
    settings,
    plans,
    state,
    clock,
    log,
    seal,
    passwords: openPasswordHash(),
    codes: oneTimeCodes,
    emit: (event) => world.emit(event),
  };
}

/** Nothing is open to anybody until somebody with this log has made the administrator. */
async function inviteAdministrator(access: AccessContext, [address = '']: readonly string[]): Promise<void> {
  const path = await setupPath(access);
  if (path === null) return;
  const base = access.settings.publicUrl ?? `${address}${access.settings.basePath}`;
  access.log.warn(`Create the administrator: ${base}${path}`, { component: 'Service', validHours: 24 });
}
