import { isHoldfastError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Log } from '../ports/log.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { intentNameOf, readIntents } from './announcements.ts';
import { belongsToPlan, idOfManifest, manifestNameOf } from './archive-names.ts';
import type { Intent } from './intent.ts';

/** An announcement of another installation is taken for dead after this long: no run lasts two days. */
const foreignIntentLifeMs = 48 * 3_600_000;

export interface SweepWorld {
  readonly objects: ObjectStore;
  readonly installation: string;
  readonly now: Date;
  readonly log: Log;
  /** Throws when the manifest cannot be read. */
  readManifest(id: string): Promise<Manifest>;
}

/**
 * Undoes what dead runs of a plan left, and finishes removals that had begun. Touches only what an announcement lists and
 * what interrupted writes of this plan's own records left; a part of a committed snapshot, or one that somebody else
 * announced too, is never removed.
 */
export async function sweep(plan: string, world: SweepWorld, signal: AbortSignal): Promise<readonly string[]> {
  const place = await look(world, signal);
  const dead = place.intents.filter((intent) => isDead(intent, plan, world));
  const sweeper = new Sweeper(place, world, signal);
  if (await sweeper.mayRemoveParts(dead)) for (const intent of dead) await sweeper.settle(intent);
  for (const name of place.unfinished) if (belongsToPlan(name, plan)) await sweeper.discard(name);
  return [...sweeper.removed];
}

interface Place {
  readonly names: ReadonlySet<string>;
  readonly unfinished: ReadonlySet<string>;
  readonly intents: readonly Intent[];
}

async function look(world: SweepWorld, signal: AbortSignal): Promise<Place> {
  const names = new Set<string>();
  for await (const { name } of world.objects.list(signal)) names.add(name);
  const unfinished = new Set<string>();
  for await (const name of world.objects.unfinished(signal)) unfinished.add(name);
  return { names, unfinished, intents: await readIntents(names, world, signal) };
}

/** The plan's lock is ours, so our own announcements are of dead runs; those of another installation once they are old. */
function isDead(intent: Intent, plan: string, world: SweepWorld): boolean {
  if (intent.plan !== plan) return false;
  return intent.installation === world.installation || world.now.getTime() - Date.parse(intent.startedAt) > foreignIntentLifeMs;
}

class Sweeper {
  readonly removed = new Set<string>();
  readonly #place: Place;
  readonly #world: SweepWorld;
  readonly #signal: AbortSignal;
  #kept: ReadonlySet<string> = new Set();

  constructor(place: Place, world: SweepWorld, signal: AbortSignal) {
    this.#place = place;
    this.#world = world;
    this.#signal = signal;
  }

  /** False, with a word to the log, when it cannot be told which parts committed snapshots need. */
  async mayRemoveParts(dead: readonly Intent[]): Promise<boolean> {
    const doomed = dead.filter((intent) => !this.#isCommitted(intent)).flatMap((intent) => intent.partNames);
    if (!doomed.some((name) => this.#isPresent(name))) return true;
    const alive = this.#place.intents.filter((intent) => !dead.includes(intent));
    const needed = await this.#neededParts();
    if (needed === undefined) return false;
    this.#kept = new Set([...needed, ...alive.flatMap((intent) => intent.partNames)]);
    return true;
  }

  async #neededParts(): Promise<readonly string[] | undefined> {
    const needed: string[] = [];
    for (const name of this.#place.names) {
      const id = idOfManifest(name);
      if (id === undefined) continue;
      try {
        needed.push(...(await this.#world.readManifest(id)).parts.map((part) => part.name));
      } catch (error) {
        if (isHoldfastError(error, 'OBJECT_MISSING')) continue;
        if (!isHoldfastError(error, 'MANIFEST_INVALID') && !isHoldfastError(error, 'MANIFEST_SWAPPED')) throw error;
        this.#world.log.warn(`Left what dead runs wrote in the store: "${name}" cannot be read, so its parts are not known`, {
          error: error.message,
        });
        return undefined;
      }
    }
    return needed;
  }

  #isCommitted(intent: Intent): boolean {
    return this.#place.names.has(manifestNameOf(intent.id));
  }

  #isPresent(name: string): boolean {
    return this.#place.names.has(name) || this.#place.unfinished.has(name);
  }

  /**
   * A committed snapshot stays: its run had only its announcement left to remove. That goes for an announced removal too:
   * nothing was removed yet, and whether it still should be is for retention to say, on what is known today.
   */
  async settle(intent: Intent): Promise<void> {
    if (this.#isCommitted(intent)) {
      for (const name of intent.partNames) if (this.#place.unfinished.has(name)) await this.discard(name);
    } else {
      for (const name of intent.partNames) if (!this.#kept.has(name)) await this.#remove(name);
    }
    await this.discard(manifestNameOf(intent.id));
    await this.#remove(intentNameOf(intent));
  }

  async #remove(name: string): Promise<void> {
    if (!this.#isPresent(name)) return;
    await this.#world.objects.remove(name, this.#signal);
    this.removed.add(name);
  }

  async discard(name: string): Promise<void> {
    if (!this.#place.unfinished.has(name) || this.removed.has(name)) return;
    await this.#world.objects.discardUnfinished(name, this.#signal);
    this.removed.add(name);
  }
}
