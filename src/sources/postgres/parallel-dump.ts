import { connect, type Session } from './connection.ts';
import type { CatalogRelation } from './catalog.ts';
import type { CopyPlan, TableCopy } from './copy-plan.ts';
import { copyOut } from './copy-receiver.ts';
import { type DumpOutput, UnfinishedDump } from './dump-output.ts';
import { type DatabaseReading, runDump } from './pg-dump.ts';
import { BlockPool, RowQueue } from './row-queue.ts';
import { excludingArgument } from './table-patterns.ts';

/**
 * Writes one plain dump of which pg_dump prints everything but the rows of large tables. Those are copied over several
 * connections that share pg_dump's snapshot, and stand right after the definitions. They may not come later: large
 * objects bring a COMMIT of their own, and only rows loaded in the transaction that made their table keep their order.
 * Returns what pg_dump wrote to standard error.
 */
export async function writeInParallel(reading: DatabaseReading, plan: CopyPlan, output: DumpOutput, signal: AbortSignal): Promise<string> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  await using copies = await ParallelCopies.open(plan, reading, either);
  try {
    const first = new UnfinishedDump(output);
    const excluded = plan.tables.map(({ relation }) => excludingArgument(relation));
    const before = await runDump(reading, ['--section=pre-data'], (bytes) => first.write(bytes), either);
    const unrestrict = await first.end();
    for (const table of plan.tables) await copies.write(table, output);
    await output.write(Buffer.from(unrestrict));
    const after = await runDump(reading, ['--section=data', '--section=post-data', ...excluded], (bytes) => output.write(bytes), either);
    return before + after;
  } catch (error) {
    // Whatever still runs is stopped before anything is closed: a connection in the middle of COPY cannot end politely.
    failure.abort(error);
    throw error;
  }
}

interface Job {
  readonly sql: string;
  readonly rows: RowQueue;
}

/**
 * Together with `pieceLimitBytes` bounds what waits in memory; pieces beyond the connections' own keep these busy. A whole
 * piece fits below the limit as a rule, so that a connection seldom has to stop in the middle of one.
 */
const piecesAhead = 2;
const pieceLimitBytes = 3 * 1024 * 1024;

/**
 * Connections that copy ahead of what is being written. Pieces are written in the tables' physical order, whatever order
 * they arrive in; how far the copying may run ahead is bounded in pieces and, for each piece, in bytes.
 */
class ParallelCopies implements AsyncDisposable {
  readonly #sessions: readonly Session[];
  readonly #idle: Session[];
  readonly #jobs: ReadonlyMap<TableCopy, readonly Job[]>;
  readonly #waiting: Job[];
  #unwritten = 0;

  private constructor(sessions: readonly Session[], tables: readonly TableCopy[]) {
    this.#sessions = sessions;
    this.#idle = [...sessions];
    const pool = new BlockPool();
    this.#jobs = new Map(tables.map((table) => [table, table.queries.map((sql) => ({ sql, rows: new RowQueue(pool, pieceLimitBytes) }))]));
    this.#waiting = [...this.#jobs.values()].flat();
  }

  static async open({ connections, tables }: CopyPlan, reading: DatabaseReading, signal: AbortSignal): Promise<ParallelCopies> {
    const opening = await Promise.allSettled(Array.from({ length: connections }, () => openCopySession(reading, signal)));
    const sessions = opening.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
    // A server with few connections to spare still gets its backup, only slower.
    if (sessions.length === 0) throw opening.find((result) => result.status === 'rejected')?.reason;
    const copies = new ParallelCopies(sessions, tables);
    copies.#startMore();
    return copies;
  }

  /** Writes a table's rows as pg_dump would. */
  async write(table: TableCopy, output: DumpOutput): Promise<void> {
    await output.write(Buffer.from(heading(table.relation)));
    for (const job of this.#jobs.get(table) ?? []) {
      output.addRows(await job.rows.drain((bytes) => output.writeRows(bytes)));
      this.#unwritten--;
      this.#startMore();
    }
    await output.write(Buffer.from('\\.\n\n\n'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session[Symbol.asyncDispose]()));
  }

  #startMore(): void {
    while (this.#unwritten < this.#sessions.length + piecesAhead) {
      const session = this.#idle.pop();
      const job = session === undefined ? undefined : this.#waiting.shift();
      if (session === undefined) return;
      if (job === undefined) return void this.#idle.push(session);
      this.#unwritten++;
      void this.#run(session, job);
    }
  }

  async #run(session: Session, { sql, rows }: Job): Promise<void> {
    try {
      rows.end(await copyOut(session, sql, rows));
      this.#idle.push(session);
      this.#startMore();
    } catch (error) {
      rows.fail(error);
    }
  }
}

async function openCopySession(reading: DatabaseReading, signal: AbortSignal): Promise<Session> {
  const session = await connect({ ...reading.connection, database: reading.database, signal });
  try {
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await session.query(`SET TRANSACTION SNAPSHOT '${reading.snapshot.id}'`);
    // As pg_dump: rows in the database's own encoding, unconverted.
    await session.query("SELECT pg_catalog.set_config('client_encoding', pg_catalog.getdatabaseencoding(), false)");
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** What pg_dump prints before the rows of a table; line breaks in a comment would end it. */
function heading({ schema, name, owner, quoted, columns }: CatalogRelation): string {
  const [safeSchema, safeName, safeOwner] = [schema, name, owner].map((text) => text.replace(/[\r\n]/g, ' '));
  return `--\n-- Data for Name: ${safeName}; Type: TABLE DATA; Schema: ${safeSchema}; Owner: ${safeOwner}\n--\n\nCOPY ${quoted} (${columns}) FROM stdin;\n`;
}
