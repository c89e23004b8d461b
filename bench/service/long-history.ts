import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { PostgresCluster } from '../../test/fixtures/postgres-cluster.ts';

export const snapshots = 10_000;
export const runs = 100_000;
const acts = 100_000;
const messages = 10_000;
/** The shortest distance of runs that a schedule of weekdays and times can have. */
const minutesApart = 15;

/** Records of a long history that calls can ask for. */
export interface Landmarks {
  readonly run: string;
  readonly snapshot: { readonly createdAt: string; readonly id: string; readonly store: string };
  readonly file: string;
}

/** Years of a service in its data directory: copies of the newest snapshot and run of a real history, and who was told of what. */
export function fillHistory(dataDirectory: string): Landmarks {
  using database = new DatabaseSync(join(dataDirectory, 'history.sqlite'));
  database.exec('BEGIN');
  const id = `plan || strftime('-%Y%m%d-%H%M%S', created_at, '-' || (value * ${minutesApart}) || ' minutes')`;
  multiply(database, 'runs', {
    count: runs,
    ends: {
      key: uuid,
      verb: `CASE value % 20 WHEN 0 THEN 'verify' WHEN 1 THEN 'drill' ELSE verb END`,
      outcome: `CASE value % 100 WHEN 7 THEN 'failed' ELSE outcome END`,
      started_at: earlier('started_at'),
      ended_at: earlier('ended_at'),
    },
    without: ['number'],
  });
  const file = `replace(file.value ->> 'name', id, ${id})`;
  const files = `(SELECT json_group_array(json_set(file.value, '$.name', ${file})) FROM json_each(files) AS file)`;
  const ends = { id, created_at: earlier('created_at'), sequence: '-value', files, summary: `json_set(summary, '$.id', ${id})` };
  multiply(database, 'snapshots', { count: snapshots, ends, without: [] });
  database.exec('COMMIT');
  fillState(join(dataDirectory, 'service.sqlite'));
  return landmarks(database);
}

const uuid = `lower(printf('%s-%s-%s-%s-%s', ${['4', '2', '2', '2', '6'].map((bytes) => `hex(randomblob(${bytes}))`).join(', ')}))`;

function earlier(column: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%fZ', ${column}, '-' || (value * ${minutesApart}) || ' minutes')`;
}

function multiply(
  database: DatabaseSync,
  table: string,
  { count, ends, without }: { count: number; ends: Readonly<Record<string, string>>; without: readonly string[] },
): void {
  const columns = database
    .prepare(`SELECT name FROM pragma_table_info('${table}')`)
    .all()
    .map(({ name }) => String(name))
    .filter((name) => !without.includes(name));
  const values = columns.map((name) => ends[name] ?? name);
  database.exec(
    `INSERT INTO ${table} (${columns.join(', ')})
     SELECT ${values.join(', ')} FROM (SELECT * FROM ${table} ORDER BY rowid DESC LIMIT 1), (${numbers(count)}) ORDER BY value DESC`,
  );
}

function numbers(count: number): string {
  return `WITH RECURSIVE numbers(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < ${count}) SELECT value FROM numbers`;
}

function fillState(file: string): void {
  using database = new DatabaseSync(file);
  const at = `strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || value || ' minutes')`;
  database.exec(`
    BEGIN;
    INSERT INTO audit (at, actor, actor_kind, address, act, target, result, details)
    SELECT ${at}, '*system', 'system', '', CASE value % 1000 WHEN 0 THEN 'expire' ELSE 'backup' END, 'bench', 'done', '{"run":"' || hex(randomblob(16)) || '"}'
    FROM (${numbers(acts)}) ORDER BY value DESC;
    INSERT INTO deliveries (id, plan, channel, event, count, since, due_at, attempts, state, settled_at)
    SELECT hex(randomblob(16)), 'bench', 'ops', json_object('kind', 'backup-failed', 'severity', 'critical', 'title', 'A backup failed', 'at', ${at}),
      1, ${at}, ${at}, 1, 'delivered', ${at}
    FROM (${numbers(messages)}) ORDER BY value DESC;
    COMMIT`);
}

/** Nine tenths of the way back. */
function landmarks(database: DatabaseSync): Landmarks {
  const run = database.prepare('SELECT key FROM runs ORDER BY number DESC LIMIT 1 OFFSET ?').get(runs * 0.9);
  const found = database
    .prepare('SELECT created_at, id, store, files FROM snapshots ORDER BY created_at DESC LIMIT 1 OFFSET ?')
    .get(snapshots * 0.9);
  const [file] = JSON.parse(String(found?.['files'])) as { readonly name: string }[];
  return {
    run: String(run?.['key']),
    snapshot: { createdAt: String(found?.['created_at']), id: String(found?.['id']), store: String(found?.['store']) },
    file: file?.name ?? '',
  };
}

/** The same runs and snapshots in a history whose tables are there, and which knows none yet. */
export async function copyHistory(
  dataDirectory: string,
  to: { readonly server: PostgresCluster; readonly database: string },
): Promise<void> {
  using from = new DatabaseSync(join(dataDirectory, 'history.sqlite'), { readOnly: true });
  const { server, database } = to;
  for (const table of ['runs', 'snapshots']) {
    await server.query(database, `TRUNCATE holdfast.${table}`);
    const insert = `INSERT INTO holdfast.${table} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::holdfast.${table}, $1)`;
    for (const rows of batches(from.prepare(`SELECT * FROM ${table}`).iterate(), 5000))
      await server.query(database, insert, [JSON.stringify(rows, asPostgres)]);
  }
  await server.query(database, `SELECT setval(pg_get_serial_sequence('holdfast.runs', 'number'), max(number)) FROM holdfast.runs`);
  await server.query(database, 'VACUUM ANALYZE');
}

function* batches<T>(rows: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function asPostgres(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : value;
}
