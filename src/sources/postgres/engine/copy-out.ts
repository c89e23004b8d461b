import { createHash } from 'node:crypto';
import { HoldfastError } from '../../../domain/errors.ts';
import type { Session } from '../connection.ts';
import { copyOut } from '../copy-receiver.ts';

const identifier = String.raw`(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)`;
const copyTarget = new RegExp(
  String.raw`^(?<table>${identifier}\.${identifier})(?: \((?<columns>${identifier}(?:, ${identifier})*)\))?$`,
  's',
);

/**
 * The statement that prints a table's rows as its dump has them. `target` comes from a manifest, so it is let through
 * only when it is a table's name and columns. `condition` is an extension's filter for the rows that are the user's.
 * @see https://www.postgresql.org/docs/current/extend-extensions.html#EXTEND-EXTENSIONS-CONFIG-TABLES
 */
export function copyStatement(target: string, condition: string | null): string {
  const { table, columns } = partsOf(target);
  if (condition === null || condition === '') return `COPY ${asciiIdentifiers(target)} TO STDOUT`;
  return `COPY (SELECT ${asciiIdentifiers(columns)} FROM ONLY ${asciiIdentifiers(table)} ${condition}) TO STDOUT`;
}

/** The statement that counts the same rows, as `rows`. */
export function countStatement(target: string, condition: string | null): string {
  return `SELECT count(*)::float8 AS rows FROM ONLY ${asciiIdentifiers(partsOf(target).table)} ${condition ?? ''}`;
}

function partsOf(target: string): { readonly table: string; readonly columns: string } {
  const parts = copyTarget.exec(target)?.groups;
  if (parts !== undefined) return { table: parts['table'] ?? '', columns: parts['columns'] ?? '' };
  throw new HoldfastError('MANIFEST_INVALID', `Cannot read the rows of ${JSON.stringify(target)}: it is not a table with columns`, {
    hint: 'Check the store with "holdfast verify"; use another snapshot if its manifest is damaged',
  });
}

/**
 * The driver sends statements as UTF-8, while the session must speak the database's own encoding for its rows to come out
 * as in the dump; names are therefore written in ASCII alone.
 */
function asciiIdentifiers(names: string): string {
  return names.replaceAll(/"(?:[^"]|"")+"/g, (name) => (/^[\x20-\x7e]*$/.test(name) ? name : `U&${escapeCharacters(name)}`));
}

function escapeCharacters(name: string): string {
  return name.replaceAll('\\', '\\\\').replaceAll(/[^\x20-\x7e]/gu, (character) => {
    return `\\+${(character.codePointAt(0) ?? 0).toString(16).padStart(6, '0')}`;
  });
}

export interface CopiedRows {
  readonly rows: number;
  /** Null when the rows were only counted. */
  readonly sha256: string | null;
}

export async function countRows(session: Session, statement: string): Promise<CopiedRows> {
  const [row] = await session.query<{ rows: number }>(statement);
  return { rows: row?.rows ?? 0, sha256: null };
}

/** Runs a COPY and tells how many rows it printed and the SHA-256 of their text. */
export async function hashRows(session: Session, statement: string): Promise<CopiedRows> {
  const hash = createHash('sha256');
  const take = (bytes: Buffer) => {
    hash.update(bytes);
    return true;
  };
  const rows = await copyOut(session, statement, { take });
  return { rows, sha256: hash.digest('hex') };
}
