import { Worker } from 'node:worker_threads';
import type { Transferable } from 'node:worker_threads';
import { type ErrorMessage, fromMessage } from './target-errors.ts';

/** What a worker says: once that it is ready, then an answer to each message, in their order. */
export type Answer<T> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: ErrorMessage };

type Waiting<T> = PromiseWithResolvers<T>;

/** A thread that answers messages one after the other. */
export class WorkerThread<Request, Value> {
  readonly #worker: Worker;
  readonly #waiting: Waiting<Value>[] = [];
  readonly #ready = Promise.withResolvers<void>();
  #ended: Error | undefined;

  /** `module` is its TypeScript file, which a package holds as JavaScript. */
  constructor(module: URL, workerData: unknown) {
    const isBuilt = !import.meta.url.endsWith('.ts');
    this.#worker = new Worker(isBuilt ? new URL(module.href.replace(/\.ts$/, '.js')) : module, { workerData });
    this.#worker.on('message', (answer: Answer<Value>) => {
      if (answer.kind === 'ready') return this.#ready.resolve();
      const waiting = this.#waiting.shift();
      if (answer.kind === 'done') waiting?.resolve(answer.value);
      else waiting?.reject(fromMessage(answer.error));
    });
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#end(new Error('the thread has ended')));
  }

  /** Messages that have no answer yet. */
  get pending(): number {
    return this.#waiting.length;
  }

  ask(request: Request, transfer: readonly Transferable[] = []): Promise<Value> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const waiting = Promise.withResolvers<Value>();
    this.#waiting.push(waiting);
    this.#worker.postMessage(request, transfer);
    return waiting.promise;
  }

  /**
   * Ends it after the system call that it is in. A thread that is ended while it loads native code takes the whole process
   * with it (koffi 3.3: a fatal error in napi_throw), so that is waited for.
   */
  async end(): Promise<void> {
    await this.#ready.promise;
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#ready.resolve();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended);
  }
}
