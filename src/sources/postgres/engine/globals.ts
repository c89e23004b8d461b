import { HoldfastError } from '../../../domain/errors.ts';
import { unquote } from '../copy-statement.ts';
import { runPsql } from './psql.ts';
import { loadingEnvironment, type RestoreServer } from './server.ts';
import { quoteLiteral } from './quoting.ts';

export interface GlobalsLoad {
  readonly psql: string;
  readonly server: RestoreServer;
  readonly dump: AsyncIterable<Uint8Array>;
  /** Where a tablespace goes instead of the place that the dump names; null: there. */
  readonly placeTablespace: ((name: string) => Promise<string>) | null;
  readonly signal: AbortSignal;
}

/**
 * Loads roles, memberships and tablespaces. What concerns a role that exists already is left out, so that no live
 * password or right is turned back to what it was. The rest runs to the end; what fails is told in the remarks.
 */
export async function loadGlobals(load: GlobalsLoad): Promise<readonly string[]> {
  const { server, signal } = load;
  const script = await readAll(load.dump);
  const rows = await server.maintenance.query<{ role: string }>('SELECT rolname AS role FROM pg_roles');
  const existing = new Set(rows.map(({ role }) => role));
  const statements = splitStatements(script).filter((statement) => !concerns(statement, existing));
  const placed = await Promise.all(statements.map((statement) => placeTablespace(statement, load.placeTablespace)));
  const { errors, exitCode } = await runPsql({
    binary: load.psql,
    arguments: ['-v', 'ON_ERROR_STOP=0'],
    environment: await loadingEnvironment(server, server.maintenance.database),
    input: toStream(placed.join('')),
    signal,
  });
  if (exitCode !== 0) {
    throw new HoldfastError(
      'TARGET_FAILED',
      `Cannot load roles into ${server.location}: ${errors.at(-1)?.message ?? `psql ended with ${exitCode ?? 'a signal'}`}`,
      {
        hint: 'Check that the server runs, then run the restore again',
      },
    );
  }
  return errors.filter(({ sqlState }) => !alreadyThere.has(sqlState)).map(({ message }) => `Globals: ${message}`);
}

/** duplicate_object, duplicate_database. */
const alreadyThere: ReadonlySet<string> = new Set(['42710', '42P04']);

/** Roles and tablespaces are few; a dump of this size is something else. */
const maxGlobalsBytes = 64 * 1024 * 1024;

async function readAll(dump: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of dump) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxGlobalsBytes) throw unfit(`it is larger than ${maxGlobalsBytes} bytes`);
    chunks.push(Buffer.from(chunk));
  }
  const text = Buffer.concat(chunks).toString(bytewise);
  if (!text.includes('\n-- PostgreSQL database cluster dump complete\n')) throw unfit('its end marker is missing');
  return text;
}

function unfit(problem: string): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `The dump of roles was not loaded: ${problem}`, {
    hint: 'Run "holdfast verify" on the snapshot, and restore another one if it is damaged',
  });
}

/**
 * A statement each, with the comments and lines before it. pg_dumpall ends each with `;` at a line's end, outside of
 * quotes; inside of them a quote is doubled, and so is a backslash.
 */
function splitStatements(script: string): string[] {
  const statements = [''];
  for (const [text] of script.matchAll(token)) {
    statements[statements.length - 1] += text;
    if (text === ';\n') statements.push('');
  }
  return statements;
}

const token = /--[^\n]*\n|'(?:[^']|'')*'|"(?:[^"]|"")*"|\\(?:un)?restrict [^\n]*\n|;\n|[^;'"\\-]+|[^]/g;
const name = String.raw`("(?:[^"]|"")+"|[^\s;"]+)`;
const roleStatement = new RegExp(String.raw`^(?:CREATE ROLE|ALTER ROLE|COMMENT ON ROLE) ${name}[ ;]`, 'm');
const membership = new RegExp(String.raw`^GRANT ${name} TO ${name}[ ;]`, 'm');
const tablespace = new RegExp(String.raw`^(CREATE TABLESPACE ${name} .*LOCATION )E?'(?:[^']|'')*';$`, 'm');

function concerns(statement: string, roles: ReadonlySet<string>): boolean {
  const subject = roleStatement.exec(statement)?.[1] ?? membership.exec(statement)?.[2];
  return subject !== undefined && roles.has(asRead(subject));
}

/** The text is taken as bytes, since the dump says itself in which encoding it is; names that are compared are mostly UTF-8. */
const bytewise = 'latin1';

function asRead(quotedName: string): string {
  return Buffer.from(unquote(quotedName), bytewise).toString('utf8');
}

async function placeTablespace(statement: string, place: GlobalsLoad['placeTablespace']): Promise<string> {
  const [whole, head, quotedName = ''] = tablespace.exec(statement) ?? [];
  if (whole === undefined || head === undefined || place === null) return statement;
  const directory = await place(asRead(quotedName));
  return statement.replace(whole, () => `${head}${quoteLiteral(directory)};`);
}

async function* toStream(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, bytewise);
}
