import { mkdtempSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchDatabases } from '../data/bench-database.ts';
import { HoldfastPlan } from '../holdfast-plan.ts';
import { runShell } from '../run-shell.ts';
import { say } from '../say.ts';
import { type AnswerTimes, answerTimes } from './answer-times.ts';
import { copyHistory, fillHistory, runs, snapshots } from './long-history.ts';
import { type RunningService, type ServiceChoice, withService } from './running-service.ts';
import { clients, slowdown } from './slowdown.ts';

export interface ServiceFigure {
  readonly title: string;
  readonly value: number;
  readonly unit: 'MB' | '×';
  readonly bar: number;
}

export interface ServiceResult {
  readonly figures: readonly ServiceFigure[];
  readonly answers: readonly AnswerTimes[];
}

export interface ServiceOptions {
  readonly tree: string;
  readonly rounds: number;
  readonly databases: BenchDatabases;
}

/** How quickly the service answers over a long history, what it takes while idle, and what many clients cost a backup. */
export async function measureService(directory: string, { tree, rounds, databases }: ServiceOptions): Promise<ServiceResult> {
  const place = join(directory, 'plan-service');
  const plan = new HoldfastPlan({ directory: place, source: { kind: 'files', paths: [tree] }, compression: 'zstd' });
  plan.clear();
  const figures = [await firstStart(plan, directory)];
  const ratio = await withService({ plan }, (service) => slowdown(service, rounds));
  figures.push({ title: `a backup with ${clients} clients, to one without`, value: ratio, unit: '×', bar: 1.1 });

  const data = join(place, 'data');
  const landmarks = fillHistory(data);
  const inPostgres = await copiedToPostgres(plan, { data, databases });
  // What its store does not hold would be forgotten; what cannot be looked into is not.
  renameSync(join(place, 'store'), join(place, 'store-away'));
  const answers: AnswerTimes[] = [];
  for (const [database, choice] of [
    ['SQLite', { plan }],
    ['PostgreSQL', inPostgres],
  ] as const) {
    say(`  ${snapshots} snapshots and ${runs} runs in ${database}`);
    await withService(choice, async (service) => {
      figures.push(await idleMemory(service, `with that history in ${database}`));
      answers.push(...(await answerTimes(service, { database, landmarks })));
    });
  }
  return { figures, answers };
}

/** Nothing is compiled yet. */
function firstStart(plan: HoldfastPlan, directory: string): Promise<ServiceFigure> {
  const environment = { NODE_COMPILE_CACHE: mkdtempSync(join(directory, 'compiled-')) };
  return withService({ plan, environment }, (service) => idleMemory(service, 'after its first start'));
}

async function idleMemory(service: RunningService, when: string): Promise<ServiceFigure> {
  await pause(30_000);
  return { title: `memory of the idle service, ${when}`, value: service.rssBytes() / 1e6, unit: 'MB', bar: 120 };
}

async function copiedToPostgres(
  plan: HoldfastPlan,
  { data, databases }: { readonly data: string; readonly databases: BenchDatabases },
): Promise<ServiceChoice> {
  const server = await databases.server();
  const database = 'history';
  await server.createDatabase(database);
  const environment = { HOLDFAST_HISTORY_URL: server.url(database) };
  // Makes the tables.
  await runShell(plan.command('list --json'), { environment: { ...plan.environment, ...environment } });
  await copyHistory(data, { server, database });
  return { plan, environment };
}
