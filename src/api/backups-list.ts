import { createHash } from 'node:crypto';
import { HoldfastError } from '../domain/errors.ts';
import type { Plan, PlanStore } from '../domain/plan.ts';
import type { Principal } from '../domain/principal.ts';
import { firstStore } from '../operations/context.ts';
import { factsInPages } from '../operations/facts-in-pages.ts';
import { timestamp } from '../operations/names.ts';
import type { SnapshotFacts } from '../ports/history.ts';
import type { ApiContext } from './api-context.ts';
import type { BackupsEntry } from './backups-contract.ts';
import { boundTo, newestFactsFirst, sees } from './sight.ts';

/** An archive as `/backups` names it, and the snapshot that it belongs to. */
export interface NamedArchive {
  readonly plan: Plan;
  readonly planStore: PlanStore;
  readonly facts: SnapshotFacts;
  readonly file: SnapshotFacts['files'][number];
}

interface KnownArchives {
  readonly revision: string;
  /** Newest first. */
  readonly archives: readonly NamedArchive[];
  readonly byName: ReadonlyMap<string, NamedArchive>;
  /** By the plans that may be seen. */
  readonly lists: Map<string, ListedArchives>;
}

interface ListedArchives {
  readonly bytes: Buffer;
  readonly etag: string;
}

/**
 * Every archive in the first store of each plan. Ten thousand of them take their time, so what was read, and the answer as
 * bytes, is kept for as long as the history is what it was.
 */
export class BackupsList {
  readonly #context: Pick<ApiContext, 'plans' | 'world'>;
  #known: { readonly revision: string; readonly archives: Promise<KnownArchives> } | undefined;

  constructor(context: Pick<ApiContext, 'plans' | 'world'>) {
    this.#context = context;
  }

  /** What `GET /backups` answers: a JSON array, newest first. */
  async list(principal: Principal | null): Promise<ListedArchives> {
    const { revision, archives, lists } = await this.#current();
    const bound = boundTo(principal);
    const key = bound === null ? '*' : JSON.stringify(bound.toSorted());
    const kept = lists.get(key);
    if (kept !== undefined) return kept;
    const seen = archives.filter(({ plan }) => sees(principal, plan.name)).map(entryOf);
    const etag = `"${createHash('sha256').update(`${key}\0${revision}`).digest('base64url')}"`;
    const list = { bytes: Buffer.from(JSON.stringify(seen)), etag };
    lists.set(key, list);
    return list;
  }

  /** Compared with the names that are known, never joined to a path. Throws `SNAPSHOT_UNKNOWN`. */
  async named(principal: Principal | null, filename: string): Promise<NamedArchive> {
    const found = (await this.#current()).byName.get(filename);
    if (found !== undefined && sees(principal, found.plan.name)) return found;
    throw new HoldfastError('SNAPSHOT_UNKNOWN', `There is no archive ${JSON.stringify(filename)}`, {
      hint: 'See which there are: GET /backups',
    });
  }

  async #current(): Promise<KnownArchives> {
    // Asked for before the archives are read: what is written meanwhile has them read anew.
    const revision = await this.#context.world.history.revision();
    if (this.#known?.revision !== revision) this.#known = { revision, archives: this.#read(revision) };
    const { archives } = this.#known;
    try {
      return await archives;
    } catch (error) {
      if (this.#known?.archives === archives) this.#known = undefined;
      throw error;
    }
  }

  async #read(revision: string): Promise<KnownArchives> {
    const { plans, world } = this.#context;
    const archives: NamedArchive[] = [];
    for (const plan of plans.values()) {
      const planStore = firstStore(plan);
      for await (const facts of factsInPages(world.history, { plan: plan.name, store: planStore.name }))
        for (const file of facts.files) archives.push({ plan, planStore, facts, file });
    }
    archives.sort((a, b) => newestFactsFirst(a.facts, b.facts));
    return { revision, archives, byName: new Map(archives.toReversed().map((archive) => [archive.file.name, archive])), lists: new Map() };
  }
}

export function entryOf({ facts, file }: NamedArchive): BackupsEntry {
  const createdAt = new Date(facts.createdAt);
  return {
    filename: file.name,
    timestamp: timestamp(createdAt),
    created_at: plainInstant(createdAt),
    description: facts.description ?? '',
    size_bytes: file.sizeBytes,
    database_name: file.database ?? '',
    database_host: file.database === null ? '' : hostAlone(file.host),
  };
}

/** Hosts without a port; a database that was read through a socket is this machine's. */
function hostAlone(host: string | null): string {
  if (host === null || host.startsWith('/')) return 'localhost';
  return host.replace(/^\[(.*)\](?::\d+)?$/u, '$1').replace(/^([^:]*):\d+$/u, '$1');
}

/** As the programs that call this write instants: without zone and fraction. */
export function plainInstant(at: Date): string {
  return at.toISOString().slice(0, 19);
}
