import { type HoldfastError, isHoldfastError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { FactsFilter, History, RunFilter, SnapshotFilter } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import type { Spool, Write, WriteMethod } from './spool.ts';

/** After a failure nobody waits again until this has passed. */
const pauseMs = 15_000;

export interface SpoolingOptions {
  /** How to reach the one on a server; or one that is open, and can be read also while it cannot be written. */
  readonly behind: (() => Promise<History>) | History;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A history that cannot be written at times, because its server is away or another process is at it: what happens then is kept
 * beside it, and written, in its order, before anything else as soon as that is possible. Without its server reads throw
 * meanwhile. Every write may happen twice: the history behind bears that.
 */
export class SpoolingHistory implements History {
  readonly #options: SpoolingOptions;
  #connected: Promise<History> | undefined;
  #outage: { readonly error: HoldfastError; readonly untilMs: number } | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SpoolingOptions) {
    this.#options = options;
  }

  async startRun(...args: Parameters<History['startRun']>): Promise<string> {
    return (await this.#write('startRun', args)) ?? `${spooled}${args[0].key}`;
  }

  async endRun(...args: Parameters<History['endRun']>): Promise<void> {
    await this.#write('endRun', args);
  }

  async recordNotified(...args: Parameters<History['recordNotified']>): Promise<void> {
    await this.#write('recordNotified', args);
  }

  async recordSnapshot(...args: Parameters<History['recordSnapshot']>): Promise<void> {
    await this.#write('recordSnapshot', args);
  }

  async recordVerification(...args: Parameters<History['recordVerification']>): Promise<void> {
    await this.#write('recordVerification', args);
  }

  async forgetSnapshot(...args: Parameters<History['forgetSnapshot']>): Promise<void> {
    await this.#write('forgetSnapshot', args);
  }

  async recordTallies(...args: Parameters<History['recordTallies']>): Promise<void> {
    await this.#write('recordTallies', args);
  }

  async recordStorePlace(...args: Parameters<History['recordStorePlace']>): Promise<void> {
    await this.#write('recordStorePlace', args);
  }

  async recordDeletion(...args: Parameters<History['recordDeletion']>): Promise<void> {
    await this.#write('recordDeletion', args);
  }

  runs(filter: RunFilter) {
    return this.#read((history) => history.runs(filter));
  }

  run(key: string) {
    return this.#read((history) => history.run(key));
  }

  series(filter: Parameters<History['series']>[0]) {
    return this.#read((history) => history.series(filter));
  }

  runTotals() {
    return this.#read((history) => history.runTotals());
  }

  snapshots(filter: SnapshotFilter) {
    return this.#read((history) => history.snapshots(filter));
  }

  summaries(filter: SnapshotFilter) {
    return this.#read((history) => history.summaries(filter));
  }

  facts(filter: FactsFilter) {
    return this.#read((history) => history.facts(filter));
  }

  revision() {
    return this.#read((history) => history.revision());
  }

  tallies(plan: string) {
    return this.#read((history) => history.tallies(plan));
  }

  storePlace(store: string) {
    return this.#read((history) => history.storePlace(store));
  }

  deletions(filter: { readonly plan?: string }) {
    return this.#read((history) => history.deletions(filter));
  }

  /** One after the other, so that none overtakes one that has to wait. */
  async #write<M extends WriteMethod>(method: M, args: Parameters<History[M]>): Promise<Awaited<ReturnType<History[M]>> | undefined> {
    const write = { method, args } as unknown as Write;
    return await this.#inTurn(async () => {
      try {
        const history = await this.#caughtUp();
        if (history !== null) return (await this.#reaching(apply(history, write))) as Awaited<ReturnType<History[M]>>;
      } catch (error) {
        if (!isOutage(error)) throw error;
      }
      await this.#options.spool.append(write);
      return undefined;
    });
  }

  async #read<T>(ask: (history: History) => Promise<T>): Promise<T> {
    const { spool, behind } = this.#options;
    const isAlwaysRead = typeof behind !== 'function';
    if (!spool.isEmpty) await this.#inTurn(() => this.#caughtUp()).catch(isAlwaysRead ? passOutage : rethrow);
    return isAlwaysRead ? await ask(behind) : await this.#reaching(ask(await this.#reached()));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** The history with nothing left to write before; null while another process is at it. */
  async #caughtUp(): Promise<History | null> {
    const history = await this.#reached();
    const { spool, log } = this.#options;
    if (spool.isEmpty) return history;
    using claim = await spool.claim();
    if (claim === undefined) return null;
    let count = 0;
    for (let next = spool.first(); next !== undefined; next = spool.first(), count++) await this.#replay(history, next);
    log.info('The history has caught up with what could not be written before', { writes: count });
    return history;
  }

  async #replay(history: History, { number, write }: { readonly number: number; readonly write: Write }): Promise<void> {
    const { spool, log } = this.#options;
    try {
      await this.#reaching(apply(history, write));
      spool.remove(number);
    } catch (error) {
      if (isOutage(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      spool.refuse(number, reason);
      log.error('Something that waited for the history cannot be recorded', {
        what: write.method,
        error: reason,
      });
    }
  }

  async #reached(): Promise<History> {
    const { clock } = this.#options;
    if (this.#outage !== undefined && clock.monotonicMs() < this.#outage.untilMs) throw this.#outage.error;
    return await this.#reaching(this.#connect());
  }

  async #connect(): Promise<History> {
    const { behind } = this.#options;
    if (typeof behind !== 'function') return behind;
    const connected = (this.#connected ??= behind());
    try {
      return await connected;
    } catch (error) {
      if (this.#connected === connected) this.#connected = undefined;
      throw error;
    }
  }

  /** Notes whether the server was there. */
  async #reaching<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.#outage = undefined;
      return result;
    } catch (error) {
      if (isOutage(error)) this.#noteOutage(error);
      throw error;
    }
  }

  #noteOutage(error: HoldfastError): void {
    const { clock, log } = this.#options;
    if (this.#outage === undefined)
      log.warn('The history cannot be written now; what happens is kept on this machine and recorded later', {
        error: error.message,
        next: error.hint,
      });
    this.#outage = { error, untilMs: clock.monotonicMs() + pauseMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    this.#options.spool[Symbol.dispose]();
    const { behind } = this.#options;
    const history = typeof behind === 'function' ? await this.#connected?.catch(() => undefined) : behind;
    await history?.[Symbol.asyncDispose]();
  }
}

/** In place of a number that the server did not give yet. */
const spooled = 'spooled:';

async function apply(history: History, { method, args }: Write): Promise<unknown> {
  if (method === 'endRun') return await history.endRun(await numberOf(history, args[0]), args[1]);
  return await (history[method] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
}

async function numberOf(history: History, id: string): Promise<string> {
  if (!id.startsWith(spooled)) return id;
  return (await history.run(id.slice(spooled.length)))?.id ?? id;
}

/** A single damaged record is no reason to believe that the server is gone. */
function isOutage(error: unknown): error is HoldfastError {
  return isHoldfastError(error, 'HISTORY_UNREADABLE') && error.details['damaged'] !== true;
}

function rethrow(error: unknown): never {
  throw error;
}

function passOutage(error: unknown): void {
  if (!isOutage(error)) throw error;
}
