import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { DatabaseTally } from '../domain/database-tally.ts';
import { HoldfastError } from '../domain/errors.ts';
import { settledVerification } from '../domain/snapshot.ts';
import type { Snapshot, SnapshotSummary, Verification } from '../domain/snapshot.ts';
import type {
  Deletion,
  FactsFilter,
  History,
  NewRun,
  Run,
  RunEnd,
  RunFigures,
  RunFilter,
  RunTotal,
  SnapshotFacts,
  SnapshotFilter,
  SnapshotKey,
} from '../ports/history.ts';
import type { HistoryDialect } from './dialect.ts';
import { damagedHistory } from './history-errors.ts';
import {
  deletionOf,
  endColumns,
  factsOf,
  figuresOf,
  rowOfDeletion,
  rowOfSnapshot,
  runOf,
  snapshotOf,
  summaryOf,
  verificationOf,
} from './rows.ts';
import type { HistorySchema } from './schema.ts';

const summaryColumns = ['store', 'id', 'plan', 'manifest_sha256', 'verification', 'summary'] as const;

const factColumns = [
  'store',
  'id',
  'plan',
  'sequence',
  'created_at',
  'outcome',
  'size_bytes',
  'description',
  'encrypted',
  'files',
  'verification',
] as const;

/** The history in any database that Kysely has a dialect for; the schema is there already. */
export class KyselyHistory implements History {
  readonly #db: Kysely<HistorySchema>;
  readonly #where: string;
  readonly #dialect: HistoryDialect;
  /** A database that was brought back from a backup, or a connection opened anew, may count from where it was before. */
  readonly #opening = randomUUID();

  /** `where` names the database in errors: a path, or a URL without secrets. */
  constructor(db: Kysely<HistorySchema>, { where, dialect }: { readonly where: string; readonly dialect: HistoryDialect }) {
    this.#db = db;
    this.#where = where;
    this.#dialect = dialect;
  }

  /** Reads stored JSON: whoever damaged it must not make Holdfast fall over with a bare parser's error. */
  async #read<Row, T>(rows: readonly Row[], parse: (row: Row) => T | Promise<T>): Promise<T[]> {
    try {
      const parsed: T[] = [];
      for (const row of rows) parsed.push(await parse(row));
      return parsed;
    } catch (cause) {
      throw damagedHistory(this.#where, 'a record in it cannot be read', cause);
    }
  }

  async startRun({ key, trigger, verb, plan, startedAt }: NewRun): Promise<string> {
    await this.#db
      .insertInto('runs')
      .values({ key, trigger: JSON.stringify(trigger), verb, plan, started_at: startedAt.toISOString() })
      .onConflict((conflict) => conflict.column('key').doNothing())
      .execute();
    const row = await this.#db.selectFrom('runs').select('number').where('key', '=', key).executeTakeFirstOrThrow();
    return String(row.number);
  }

  async endRun(id: string, end: RunEnd): Promise<void> {
    const number = Number(id);
    if (!Number.isSafeInteger(number)) throw unknownRun(id);
    const run = await this.#db.selectFrom('runs').select('started_at').where('number', '=', number).executeTakeFirst();
    if (run === undefined) throw unknownRun(id);
    await this.#db
      .updateTable('runs')
      .set({
        ended_at: end.endedAt.toISOString(),
        outcome: end.outcome,
        snapshot_id: end.snapshotId,
        error: end.error === null ? null : JSON.stringify(end.error),
        details: JSON.stringify(end.details),
        ...endColumns({ ...end, startedAt: new Date(run.started_at) }),
      })
      .where('number', '=', number)
      .execute();
  }

  async runs(filter: RunFilter): Promise<readonly Run[]> {
    let query = this.#db.selectFrom('runs').selectAll().orderBy('number', 'desc');
    if (filter.plan !== undefined) query = query.where('plan', '=', filter.plan);
    if (filter.verb !== undefined) query = query.where('verb', '=', filter.verb);
    if (filter.unended !== undefined) query = query.where('ended_at', filter.unended ? 'is' : 'is not', null);
    if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome);
    const since = filter.since?.toISOString();
    if (since !== undefined)
      query = query
        .where('started_at', '>=', since)
        // Says nothing more, and spares the walk through all that are older. The sign has SQLite look among the starts, not from the first run on.
        .where('number', '>=', (eb) =>
          eb
            .selectFrom('runs')
            .select(eb.fn.min<number>(sql`+number`).as('first'))
            .where('started_at', '>=', since),
        );
    const { before } = filter;
    if (before !== undefined) query = query.where('number', '<', (eb) => eb.selectFrom('runs').select('number').where('key', '=', before));
    if (filter.limit !== undefined) query = query.limit(filter.limit);
    return this.#read(await query.execute(), runOf);
  }

  async run(key: string): Promise<Run | undefined> {
    const rows = await this.#db.selectFrom('runs').selectAll().where('key', '=', key).execute();
    const [run] = await this.#read(rows, runOf);
    return run;
  }

  async recordNotified(key: string, at: Date): Promise<void> {
    await this.#db.updateTable('runs').set({ notified_at: at.toISOString() }).where('key', '=', key).execute();
  }

  async series({ plan, since }: Parameters<History['series']>[0]): Promise<readonly RunFigures[]> {
    const rows = await this.#db
      .selectFrom('runs')
      .select((eb) => [
        'verb',
        'started_at',
        'outcome',
        'size_bytes',
        'duration_ms',
        // Those of thousands of backups are not wanted, and not read.
        eb.case().when('verb', '=', 'drill').then(eb.ref('details')).end().as('details'),
      ])
      .where('plan', '=', plan)
      .where('verb', 'in', ['backup', 'drill'])
      .where('started_at', '>=', since.toISOString())
      .where('outcome', 'is not', null)
      .orderBy('started_at')
      .execute();
    return this.#read(rows, figuresOf);
  }

  async runTotals(): Promise<readonly RunTotal[]> {
    const rows = await this.#db
      .selectFrom('runs')
      .select((eb) => [
        'plan',
        'verb',
        'outcome',
        eb.fn.countAll<number>().as('count'),
        eb.cast<number>(eb.fn.coalesce(eb.fn.sum('duration_ms'), eb.lit(0)), 'bigint').as('durationMs'),
      ])
      .where('outcome', 'is not', null)
      .groupBy(['plan', 'verb', 'outcome'])
      .execute();
    return rows.map(({ verb, outcome, ...rest }) => ({ ...rest, verb: verb as RunTotal['verb'], outcome: outcome as RunTotal['outcome'] }));
  }

  async recordSnapshot(snapshot: Omit<Snapshot, 'verification'>): Promise<void> {
    const row = await rowOfSnapshot(snapshot);
    const { store: _store, id: _id, manifest_sha256, ...rest } = row;
    await this.#db
      .insertInto('snapshots')
      .values(row)
      .onConflict((conflict) =>
        conflict.columns(['store', 'id']).doUpdateSet((eb) => ({
          ...rest,
          manifest_sha256,
          verification: eb
            .case()
            .when('snapshots.manifest_sha256', '=', manifest_sha256)
            .then(eb.ref('snapshots.verification'))
            .else(null)
            .end(),
        })),
      )
      .execute();
  }

  async recordVerification(key: SnapshotKey, verification: Exclude<Verification, { kind: 'unverified' }>): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      const known = await db
        .selectFrom('snapshots')
        .select('verification')
        .where('store', '=', key.store)
        .where('id', '=', key.id)
        .$if(this.#dialect.locksRows, (query) => query.forUpdate())
        .executeTakeFirst();
      if (known === undefined) throw unknownSnapshot(key);
      const settled = settledVerification(verificationOf(known.verification), verification);
      await db
        .updateTable('snapshots')
        .set({ verification: JSON.stringify(settled) })
        .where('store', '=', key.store)
        .where('id', '=', key.id)
        .execute();
    });
  }

  async forgetSnapshot(key: SnapshotKey): Promise<void> {
    await this.#db.deleteFrom('snapshots').where('store', '=', key.store).where('id', '=', key.id).execute();
  }

  async snapshots(filter: SnapshotFilter): Promise<readonly Snapshot[]> {
    return this.#read(await this.#matching(filter).select('units').execute(), snapshotOf);
  }

  async summaries(filter: SnapshotFilter): Promise<readonly SnapshotSummary[]> {
    return this.#read(await this.#matching(filter).execute(), summaryOf);
  }

  #matching({ plan, store, id }: SnapshotFilter) {
    let query = this.#db.selectFrom('snapshots').select(summaryColumns);
    if (plan !== undefined) query = query.where('plan', '=', plan);
    if (store !== undefined) query = query.where('store', '=', store);
    if (id !== undefined) query = query.where('id', '=', id);
    return query;
  }

  async facts({ plan, store, limit, before }: FactsFilter): Promise<readonly SnapshotFacts[]> {
    let query = this.#db.selectFrom('snapshots').select(factColumns);
    query = query.orderBy('created_at', 'desc').orderBy('id', 'desc').orderBy('store', 'desc');
    if (plan !== undefined) query = query.where('plan', '=', plan);
    if (store !== undefined) query = query.where('store', '=', store);
    if (before !== undefined)
      query = query.where((eb) => eb(eb.refTuple('created_at', 'id', 'store'), '<', eb.tuple(before.createdAt, before.id, before.store)));
    if (limit !== undefined) query = query.limit(limit);
    return this.#read(await query.execute(), factsOf);
  }

  async revision(): Promise<string> {
    return `${this.#opening}.${await this.#dialect.revision(this.#db)}`;
  }

  async tallies(plan: string): Promise<readonly DatabaseTally[]> {
    const rows = await this.#db.selectFrom('database_tallies').select('tally').where('plan', '=', plan).execute();
    return this.#read(rows, ({ tally }) => JSON.parse(tally) as DatabaseTally);
  }

  async recordTallies(plan: string, tallies: readonly DatabaseTally[]): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      for (const { source, unit, ...rest } of tallies) {
        const tally = JSON.stringify({ source, unit, ...rest });
        await db
          .insertInto('database_tallies')
          .values({ plan, source, unit, tally })
          .onConflict((conflict) => conflict.columns(['plan', 'source', 'unit']).doUpdateSet({ tally }))
          .execute();
      }
    });
  }

  async storePlace(store: string): Promise<string | null> {
    const row = await this.#db.selectFrom('stores').select('place').where('name', '=', store).executeTakeFirst();
    return row?.place ?? null;
  }

  async recordStorePlace(store: string, place: string): Promise<void> {
    await this.#db
      .insertInto('stores')
      .values({ name: store, place })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ place }))
      .execute();
  }

  async recordDeletion(deletion: Deletion): Promise<void> {
    await this.#db
      .insertInto('deletions')
      .values(rowOfDeletion(deletion))
      .onConflict((conflict) => conflict.column('record_key').doNothing())
      .execute();
  }

  async deletions(filter: { readonly plan?: string }): Promise<readonly Deletion[]> {
    let query = this.#db.selectFrom('deletions').selectAll().orderBy('number');
    if (filter.plan !== undefined) query = query.where('plan', '=', filter.plan);
    return this.#read(await query.execute(), deletionOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.destroy();
  }
}

function unknownRun(id: string): HoldfastError {
  return new HoldfastError('INTERNAL', `Cannot end run "${id}": the history has no run of that number`, {
    hint: 'Report this as a bug of Holdfast',
  });
}

function unknownSnapshot({ store, id }: SnapshotKey): HoldfastError {
  return new HoldfastError(
    'SNAPSHOT_UNKNOWN',
    `Cannot record the verification of snapshot "${id}" in "${store}": the history does not know it`,
    {
      hint: 'See which snapshots there are with holdfast list',
    },
  );
}
