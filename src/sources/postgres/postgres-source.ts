import type { SourceDescriptor } from '../../ports/descriptor.ts';
import type { Source } from '../../ports/source.ts';
import { configuredDatabases, liveUrl, type PostgresConfig, postgresSchema } from './postgres-config.ts';

/** Databases of a PostgreSQL server, as plain SQL that psql restores. */
export const postgresSource: SourceDescriptor<PostgresConfig> = {
  kind: 'postgres',
  title: 'PostgreSQL databases',
  schema: postgresSchema,
  defaultName: (config) => (configuredDatabases(config)?.length === 1 ? (configuredDatabases(config)?.[0] ?? 'postgres') : 'postgres'),
  unitNames(config) {
    const names = configuredDatabases(config);
    if (names === null) return null;
    return config.globals ? [...names, 'globals'] : names;
  },
  environment: [
    { variable: 'DATABASE_URL', key: 'url', format: 'text', asks: true },
    { variable: 'PGHOST', key: null, format: 'text', asks: true },
    { variable: 'PGDATABASE', key: null, format: 'text', asks: true },
    { variable: 'PGSERVICE', key: null, format: 'text', asks: true },
    { variable: 'BACKUP_DATABASES', key: 'databases', format: 'names', asks: true },
    { variable: 'BACKUP_GLOBALS', key: 'globals', format: 'flag', asks: false },
    { variable: 'BACKUP_DATABASE_ALLOW_EMPTY', key: 'allowEmpty', format: 'flag', asks: false },
    { variable: 'BACKUP_DATABASE_EXCLUDE_TABLE_DATA', key: 'excludeTableData', format: 'names', asks: false },
    { variable: 'BACKUP_DATABASE_CONTAINER', key: 'container', format: 'text', asks: true },
    { variable: 'BACKUP_DATABASE_CONNECTIONS', key: 'connections', format: 'number', asks: false },
  ],
  open: (config, context) => lazySource(async () => new (await import('./dump-source.ts')).DumpSource(config, context)),
  dumpEngine: { engine: 'postgres', open: async (context) => (await import('./engine/postgres-engine.ts')).openPostgresEngine(context) },
  liveDatabase: (config, database, { environment }) => liveUrl(config, database, environment),
};

/** The driver and all that reads are loaded when they are needed: most commands never read a source. */
function lazySource(load: () => Promise<Source>): Source {
  let loading: Promise<Source> | null = null;
  return {
    units: async (signal) => await (await (loading ??= load())).units(signal),
    async [Symbol.asyncDispose]() {
      await (await loading)?.[Symbol.asyncDispose]();
    },
  };
}
