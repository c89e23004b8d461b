import { HoldfastError } from '../../../domain/errors.ts';
import type { DumpRecord } from '../../../domain/manifest.ts';
import type { Secret } from '../../../domain/secret.ts';
import type { OpenContext } from '../../../ports/descriptor.ts';
import type { DumpTarget } from '../../../ports/dump-engine.ts';
import { type ClientSearch, defaultClientSearch } from '../clients.ts';
import { addressFromUrl, serverName, type ServerAddress } from '../server-address.ts';
import { Lease } from './lease.ts';
import { connectMaintenance, type Purpose } from './server.ts';
import { ServerTarget } from './server-target.ts';
import { findPsql, findServerPrograms } from './tools.ts';
import { scratchParent, startThrowawayCluster, type ThrowawayCluster } from './throwaway-cluster.ts';

interface OpenTarget {
  readonly url: Secret;
  readonly context: OpenContext;
  readonly signal: AbortSignal;
}

export async function openTarget({ url, context, signal }: OpenTarget): Promise<DumpTarget> {
  const address = addressFromUrl(url, context.environment);
  if (templates.includes(address.database)) throw isTemplate(address.database);
  return openServer({ address, purpose: 'restore', cluster: null, context, signal });
}

/** Every new database of the server is a copy of these. */
const templates: readonly string[] = ['template0', 'template1'];

function isTemplate(database: string): HoldfastError {
  return new HoldfastError('USAGE', `Cannot restore into "${database}": every new database of the server would become a copy of it`, {
    hint: 'Name the database of the application in the URL',
  });
}

interface OpenScratch {
  readonly server: Secret | null;
  readonly dumps: readonly DumpRecord[];
  readonly context: OpenContext;
  readonly signal: AbortSignal;
}

export async function openScratch({ server, dumps, context, signal }: OpenScratch): Promise<DumpTarget> {
  if (server !== null) {
    const address = addressFromUrl(server, context.environment);
    return openServer({ address, purpose: 'drill', cluster: null, context, signal });
  }
  const installation = await findServerPrograms(searchOf(context), dumps);
  const tables = Math.max(0, ...dumps.map(({ dump }) => dump.tables.length));
  const cluster = await startThrowawayCluster({
    installation,
    parent: scratchParent(context.environment),
    tables,
    clock: context.clock,
    signal,
  });
  try {
    return await openServer({ address: cluster.address, purpose: 'throwaway', cluster, context, signal });
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

interface OpenServer {
  readonly address: ServerAddress;
  readonly purpose: Purpose;
  readonly cluster: ThrowawayCluster | null;
  readonly context: OpenContext;
  readonly signal: AbortSignal;
}

async function openServer({ address, purpose, cluster, context, signal }: OpenServer): Promise<DumpTarget> {
  const search = searchOf(context);
  const psql = await findPsql(search);
  const maintenance = await connectMaintenance(address, signal);
  try {
    const lease = await Lease.take(maintenance);
    await lease.dropAbandoned(context.log);
    const location = cluster === null ? serverName(address) : `a throw-away PostgreSQL ${maintenance.serverVersion}`;
    return new ServerTarget({ server: { address, purpose, context, maintenance, location }, lease, psql, search, cluster });
  } catch (error) {
    await maintenance[Symbol.asyncDispose]();
    throw error;
  }
}

function searchOf({ environment }: OpenContext): ClientSearch {
  return defaultClientSearch(environment);
}
