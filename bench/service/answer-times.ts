import { Agent, request } from 'node:http';
import { cursorOf } from '../../src/api/cursors.ts';
import type { Landmarks } from './long-history.ts';
import type { RunningService } from './running-service.ts';

/** How long one call takes. */
export interface AnswerTimes {
  readonly call: string;
  readonly database: string;
  /** The first call to a service that was just started: nothing is known or warm yet. */
  readonly firstMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Of the service, for each call. */
  readonly cpuMs: number;
  readonly barMs: number;
}

/** So many ask at once, each again as soon as it was answered. */
export const askingAtOnce = 4;
const asked = 400;
const warmUp = 40;
const barMs = 50;

/** Lists, the status, and what the dashboard asks for. */
function callsOf({ run, snapshot, file }: Landmarks): readonly string[] {
  const since = new Date(Date.now() - 30 * 86_400_000).toISOString();
  return [
    '/api/v1/status',
    '/api/v1/plans',
    '/api/v1/plans/bench/schedule',
    '/api/v1/plans/bench/series?days=30',
    '/api/v1/plans/bench/series?days=90',
    '/api/v1/plans/bench/expire',
    '/api/v1/runs',
    '/api/v1/runs?limit=500',
    '/api/v1/runs?plan=bench&limit=10',
    '/api/v1/runs?verb=drill&outcome=failed',
    '/api/v1/runs?verb=drill&outcome=cancelled',
    `/api/v1/runs?since=${since}&outcome=cancelled`,
    `/api/v1/runs?before=${cursorOf({ key: run })}`,
    `/api/v1/runs/${run}`,
    '/api/v1/snapshots',
    '/api/v1/snapshots?limit=500',
    '/api/v1/snapshots?plan=bench&limit=10',
    `/api/v1/snapshots?store=${encodeURIComponent(snapshot.store)}`,
    `/api/v1/snapshots?before=${cursorOf(snapshot)}`,
    `/api/v1/snapshots/${snapshot.id}`,
    '/api/v1/stores',
    '/api/v1/alerts',
    '/api/v1/channels',
    '/api/v1/deliveries',
    '/api/v1/audit',
    '/api/v1/audit?act=expire',
    '/api/v1/audit?actor=nobody',
    '/api/v1/config',
    '/api/v1/users',
    '/api/v1/tokens',
    '/backups',
    `/backups/${file}`,
    '/metrics',
    '/openapi.json',
  ];
}

export async function answerTimes(service: RunningService, { database, landmarks }: { database: string; landmarks: Landmarks }) {
  using client = new Client(service);
  const results: AnswerTimes[] = [];
  for (const call of callsOf(landmarks)) {
    const firstMs = await client.ask(call);
    await client.askAll(call, warmUp);
    const before = service.cpuMs();
    const times = (await client.askAll(call, asked)).toSorted((a, b) => a - b);
    const cpuMs = (service.cpuMs() - before) / asked;
    const at = (part: number) => times[Math.floor(asked * part)] ?? Number.NaN;
    results.push({ call: shown(call), database, firstMs, p50Ms: at(0.5), p95Ms: at(0.95), cpuMs, barMs });
  }
  return results;
}

/** Values that nobody reads are left out. */
function shown(call: string): string {
  return call.replace(/(before|since|store)=[^&]+/g, '$1=…').replace(/(runs|snapshots|backups)\/[^?]+/, '$1/…');
}

class Client implements Disposable {
  readonly #service: RunningService;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: askingAtOnce });

  constructor(service: RunningService) {
    this.#service = service;
  }

  async askAll(call: string, count: number): Promise<number[]> {
    const each = Array.from({ length: askingAtOnce }, async () => {
      const times: number[] = [];
      for (let index = 0; index < count / askingAtOnce; index++) times.push(await this.ask(call));
      return times;
    });
    return (await Promise.all(each)).flat();
  }

  /** Until the last byte is here. */
  ask(call: string): Promise<number> {
    const { url, headers } = this.#service;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const before = performance.now();
    const sent = request(url + call, { agent: this.#agent, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`GET ${call} was answered ${response.statusCode}`));
      response
        .resume()
        .on('end', () => resolve(performance.now() - before))
        .on('error', reject);
    });
    sent.on('error', reject).end();
    return promise;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
