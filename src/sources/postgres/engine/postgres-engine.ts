import type { DumpDetails } from '../../../domain/manifest.ts';
import type { OpenContext } from '../../../ports/descriptor.ts';
import type { DumpEngine } from '../../../ports/dump-engine.ts';
import { Sha256 } from '../../../platform/sha256.ts';
import { shellQuote } from '../../../platform/shell-quote.ts';
import { CopyScanner } from '../copy-scanner.ts';

/**
 * Dumps of PostgreSQL databases: plain SQL, loaded by psql. What talks to servers is imported when it is first needed.
 */
export function openPostgresEngine(context: OpenContext): DumpEngine {
  return {
    engine: 'postgres',
    scanner: () => new CopyScanner(() => new Sha256()),
    async scratch(options, signal) {
      const { openScratch } = await import('./open-target.ts');
      return openScratch({ ...options, context, signal });
    },
    async target(url, signal) {
      const { openTarget } = await import('./open-target.ts');
      return openTarget({ url, context, signal });
    },
    restoreCommand,
  };
}

/** Into a database that exists and is empty; roles go to any database of the server. */
function restoreCommand({ scope, database }: DumpDetails, stream: string): string {
  if (scope === 'globals') return `${stream} | psql -X -d postgres`;
  return `${stream} | psql -X -v ON_ERROR_STOP=1 --single-transaction -d ${shellQuote(asDatabaseName(database))}`;
}

/** psql takes a name with "=" or a URL's beginning for a connection string. */
function asDatabaseName(name: string): string {
  if (!name.includes('=') && !/^postgres(ql)?:\/\//.test(name)) return name;
  return `dbname='${name.replaceAll(/['\\]/g, '\\$&')}'`;
}
