import { Readable } from 'node:stream';
import type { StreamEvents } from './contract.ts';
import type { RouteReply } from './route.ts';

const commentMs = 15_000;
const retryMs = 3_000;
/** Whoever has so much still to read is cut off: it comes back and gets the present state. */
const mostWaitingBytes = 1024 * 1024;

/**
 * Server-sent events to one client. It ends with the client, and takes everything that was given to `whenClosed` along.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventStream {
  readonly #readable = new Readable({ read: () => undefined, highWaterMark: mostWaitingBytes });
  readonly #timer = setInterval(() => this.#push(':\n\n'), commentMs).unref();
  #number = 0;
  #isEnded = false;

  constructor(gone: AbortSignal) {
    const cut = (): void => void this.#readable.destroy();
    gone.addEventListener('abort', cut, { once: true });
    this.#readable.once('close', () => {
      clearInterval(this.#timer);
      gone.removeEventListener('abort', cut);
    });
    this.#push(`retry: ${retryMs}\n\n`);
    if (gone.aborted) cut();
  }

  send<Name extends keyof StreamEvents>(name: Name, data: StreamEvents[Name]): void {
    this.#push(`id: ${++this.#number}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  whenClosed(work: () => void): void {
    if (this.#readable.destroyed) work();
    else this.#readable.once('close', work);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isEnded = true;
    this.#readable.push(null);
  }

  /** Its client comes back by itself, and has to show anew that it may. */
  endAfter(ms: number): void {
    const timer = setTimeout(() => this.end(), ms).unref();
    this.whenClosed(() => clearTimeout(timer));
  }

  reply(): RouteReply {
    // Proxies that gather a reply before they hand it on would keep every event back.
    const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
    return { status: 200, stream: this.#readable, headers };
  }

  get #isOver(): boolean {
    return this.#readable.destroyed || this.#isEnded;
  }

  #push(text: string): void {
    if (this.#isOver) return;
    this.#readable.push(text);
    if (this.#readable.readableLength > mostWaitingBytes) this.#readable.destroy();
  }
}
