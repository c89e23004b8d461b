import { randomBytes } from 'node:crypto';
import type { Log } from '../../../ports/log.ts';
import type { Session } from '../connection.ts';
import { commentOn, dropDatabase } from './database-attributes.ts';

/** First key of the advisory locks: "HOLD" in ASCII. The second is the lease's own number. */
const lockClass = 0x48_4f_4c_44;
const mark = 'Being restored by Holdfast';

/**
 * Tells the databases that a living process works on from those that a dead one left. Each carries a comment with the
 * lease's number, and the process holds an advisory lock of that number: the server lets go of it when the process's
 * connection ends, however it ended.
 */
export class Lease {
  readonly #session: Session;
  readonly #number: number;

  constructor(session: Session, number: number) {
    this.#session = session;
    this.#number = number;
  }

  /** The lease lasts as long as the session. */
  static async take(session: Session): Promise<Lease> {
    const number = randomBytes(4).readInt32BE();
    await session.query('SELECT pg_advisory_lock($1, $2)', [lockClass, number]);
    return new Lease(session, number);
  }

  /** Marks a database as one that goes when this process goes; returns the comment that says so. */
  async mark(name: string): Promise<string> {
    const comment = `${mark} (lease ${this.#number}); removed when that has ended`;
    await this.#session.query(commentOn(name, comment));
    return comment;
  }

  /** Drops every database whose lease nobody holds any more; returns their names. */
  async dropAbandoned(log: Log): Promise<readonly string[]> {
    const described = await this.#session.query<{ name: string; comment: string | null }>(
      `SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment FROM pg_database`,
    );
    const held = await this.#heldNumbers();
    const dropped: string[] = [];
    for (const { name, comment } of described) {
      const number = leaseNumber(comment);
      if (number === null || held.has(number) || !(await this.#tryLock(number))) continue;
      await dropDatabase(this.#session, name);
      await this.#session.query('SELECT pg_advisory_unlock($1, $2)', [lockClass, number]);
      log.info('Removed a database that an interrupted run left', { database: name });
      dropped.push(name);
    }
    return dropped;
  }

  /**
   * The leases of living processes, this one's too. The server keeps the advisory locks of each database apart, and processes
   * hold theirs in different ones, so asking for a lock does not tell.
   */
  async #heldNumbers(): Promise<ReadonlySet<number>> {
    const locks = await this.#session.query<{ number: string }>(
      `SELECT objid::bigint AS number FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objsubid = 2 AND granted`,
      [lockClass],
    );
    return new Set(locks.map(({ number }) => Number(number) | 0));
  }

  /** Of two processes that clean up at the same time one goes first. */
  async #tryLock(number: number): Promise<boolean> {
    const [row] = await this.#session.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS locked', [lockClass, number]);
    return row?.locked === true;
  }
}

function leaseNumber(comment: string | null): number | null {
  const digits = new RegExp(String.raw`^${mark} \(lease (-?\d+)\)`).exec(comment ?? '')?.[1];
  const number = Number(digits);
  return Number.isInteger(number) && number === (number | 0) ? number : null;
}
