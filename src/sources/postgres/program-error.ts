import { HoldfastError } from '../../domain/errors.ts';
import type { DumpReport } from '../../ports/source.ts';
import { ProgramFailure } from './client-process.ts';
import { describeAddress, type ServerAddress } from './server-address.ts';
import { translateServerError } from './server-error.ts';

interface Target {
  readonly address: ServerAddress;
  readonly database: string;
}

/** What the messages of pg_dump and pg_dumpall mean in terms of the server's error codes. */
const sqlStates: readonly (readonly [RegExp, string])[] = [
  [/password authentication failed|no password supplied/, '28P01'],
  [/no pg_hba\.conf entry|authentication failed/, '28000'],
  [/database ".*" does not exist/, '3D000'],
  [/permission denied|row-level security/, '42501'],
  [/canceling statement due to (statement|lock) timeout/, '55P03'],
  [
    /terminating connection|server closed the connection|connection to server|could not connect|no connection to the server|lost synchronization/,
    '08006',
  ],
];

/** Turns a failed run of pg_dump or pg_dumpall into what it means; everything else comes back as it is. */
export function explainProgram(error: unknown, { address, database }: Target): unknown {
  if (!(error instanceof ProgramFailure)) return error;
  if (error.stderr.includes('server version mismatch')) return tooOld(error, { address, database });
  const state = sqlStates.find(([pattern]) => pattern.test(error.stderr))?.[1];
  if (state === undefined) return error;
  const cause = Object.assign(new Error(error.message, { cause: error }), { code: state });
  return translateServerError(cause, { address, database, action: 'dump', otherwise: 'TOOL_FAILED' });
}

function tooOld(cause: ProgramFailure, { address, database }: Target): HoldfastError {
  return new HoldfastError('TOOL_MISSING', `Cannot dump ${describeAddress(address, database)}: its server is newer than pg_dump`, {
    hint: "Install the client programs of the server's version, for example postgresql-client-17",
    cause,
  });
}

/** Warnings of a program that succeeded, one issue each. */
export function warnings(messages: string, subject: string): DumpReport['issues'] {
  const lines = messages.split('\n').filter((line) => /warning:/i.test(line));
  return [...new Set(lines)].map((line) => ({ subject, problem: 'attributes', detail: line.trim(), severity: 'note' }));
}
