import type { ObjectStat } from '../../src/ports/object-store.ts';
import { collect } from '../contracts/bytes.ts';
import { MemoryObjectStore } from './memory-object-store.ts';
import type { MemoryPlace } from './memory-object-store.ts';

/** Where in a change the process dies: before anything happened, half-way, with the object in place but not tidied up, or right after. */
export const crashMoments = ['before', 'half', 'untidy', 'after'] as const;
export type CrashMoment = (typeof crashMoments)[number];

export class Crash extends Error {
  override readonly name = 'Crash';
}

/**
 * The view of a process that is killed during its n-th change (counted from 0). After that nothing it tries has an effect;
 * the place keeps what was there, as a disk does.
 */
export class CrashingObjectStore extends MemoryObjectStore {
  readonly #crashAt: number;
  readonly #moment: CrashMoment;
  #changes = 0;
  #dead = false;

  constructor(place: MemoryPlace, crash: { readonly at: number; readonly moment: CrashMoment }) {
    super(place);
    this.#crashAt = crash.at;
    this.#moment = crash.moment;
  }

  get crashed(): boolean {
    return this.#dead;
  }

  override async put(name: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ObjectStat> {
    const moment = this.#next();
    if (moment === undefined) return super.put(name, body, signal);
    if (moment === 'half') this.place.unfinished.add(name);
    if (moment === 'untidy' || moment === 'after') this.place.objects.set(name, await collect(body));
    if (moment === 'untidy') this.place.unfinished.add(name);
    throw new Crash();
  }

  override async remove(name: string, signal: AbortSignal): Promise<void> {
    const moment = this.#next();
    if (moment === undefined) return super.remove(name, signal);
    if (moment !== 'before') this.place.objects.delete(name);
    if (moment === 'after') this.place.unfinished.delete(name);
    throw new Crash();
  }

  override async discardUnfinished(name: string, signal: AbortSignal): Promise<void> {
    const moment = this.#next();
    if (moment === undefined) return super.discardUnfinished(name, signal);
    if (moment === 'after') this.place.unfinished.delete(name);
    throw new Crash();
  }

  /** When to die during this change; undefined to live on. */
  #next(): CrashMoment | undefined {
    if (this.#dead) throw new Crash();
    if (this.#changes++ !== this.#crashAt) return undefined;
    this.#dead = true;
    return this.#moment;
  }
}
