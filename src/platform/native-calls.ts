import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import type koffi from 'koffi';

/** A C function as koffi declares it. Every one used here returns a number or a pointer. */
export type Call = ((...parameters: readonly unknown[]) => number) & {
  readonly async: (...parametersAndCallback: readonly unknown[]) => void;
};

/** The same on a thread of libuv's pool. The memory that parameters point to must stay as it is until it settles. */
export type BackgroundCall = (...parameters: unknown[]) => Promise<number>;

/** Calls under way and waiting at once. More than any caller has: the blocks that are under way bound them. */
const mostCalls = 4096;
/** How many of the stacks that calls need (128 KiB each) are kept for the next ones. */
const keptStacks = 8;
/** How far the threads of the pool stand back behind the one that reads, which all of them wait for. @see nice(1) */
const poolNiceness = 10;

let loading: Promise<typeof koffi | undefined> | undefined;

/** What calls C functions; undefined where it has no binary for this system. */
export function loadKoffi(): Promise<typeof koffi | undefined> {
  return (loading ??= load());
}

async function load(): Promise<typeof koffi | undefined> {
  try {
    const { default: loaded } = await import('koffi');
    configure(loaded);
    return loaded;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** Only before a library is loaded, be it by somebody else: then fewer calls can wait, and more memory is allocated anew. */
function configure(loaded: typeof koffi): void {
  try {
    loaded.config({ max_async_calls: mostCalls, resident_async_pools: keptStacks });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** Functions of a shared library, `null` for what this process has loaded already; undefined when it, or one of them, is not there. */
export async function loadCalls<T>(library: string | null, declare: (call: (definition: string) => Call) => T): Promise<T | undefined> {
  const loaded = await loadKoffi();
  if (loaded === undefined) return undefined;
  try {
    const opened = loaded.load(library);
    return declare((definition) => opened.func(definition));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

export function inBackground(call: Call): BackgroundCall {
  return (...parameters) =>
    new Promise((resolve, reject) => {
      const settle = (error: Error | null, result: number): void => {
        // This keeps hold of what the parameters point to: it is not collected before.
        parameters.length = 0;
        if (error === null) resolve(result);
        else reject(error);
      };
      call.async(...parameters, settle);
    });
}

let standsBack = false;

/**
 * For processes that compress, when a call has started the pool: without it the threads take turns, and reading gets
 * half a core. It cannot be undone.
 */
export function standBack(): void {
  if (standsBack) return;
  standsBack = true;
  if (process.platform !== 'linux') return;
  try {
    if (getPriority() >= poolNiceness) return;
    for (const thread of readdirSync('/proc/self/task'))
      if (readFileSync(`/proc/self/task/${thread}/comm`, 'utf8') === 'libuv-worker\n') setPriority(Number(thread), poolNiceness);
  } catch (error) {
    // Without /proc, or where it may not be changed, all work beside one another.
    if (!(error instanceof Error)) throw error;
  }
}

/** As many calls of one kind at once as there are cores; the others wait for their turn. */
const mostAtOnce = Math.min(Math.max(navigator.hardwareConcurrency, 2), 4);

/** What a native call works with, lent to one call at a time: so many as work at once are made, and kept. */
export class Loans {
  readonly #make: Call;
  readonly #idle: unknown[] = [];
  readonly #waiting: ((loan: unknown) => void)[] = [];
  #made = 0;

  /** `make` returns a pointer, null when memory is short. */
  constructor(make: Call) {
    this.#make = make;
  }

  /** `parameters` go to `make` when there is none to lend. */
  async use(work: (loan: unknown) => Promise<number>, ...parameters: readonly unknown[]): Promise<number> {
    const loan = this.#idle.pop() ?? (await this.#another(parameters));
    try {
      return await work(loan);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(loan);
      else next(loan);
    }
  }

  #another(parameters: readonly unknown[]): unknown {
    if (this.#made === mostAtOnce) return new Promise((resolve) => void this.#waiting.push(resolve));
    const made: unknown = this.#make(...parameters);
    if (made === null) throw new Error('not enough memory for compression');
    this.#made += 1;
    return made;
  }
}
