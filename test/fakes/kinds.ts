import { z } from 'zod';
import type { SourceDescriptor, StoreDescriptor } from '../../src/ports/descriptor.ts';
import type { NotifierDescriptor } from '../../src/ports/notifier.ts';
import { pathText, secretText } from '../../src/ports/config-fields.ts';
import { HoldfastError } from '../../src/domain/errors.ts';
import type { Secret } from '../../src/domain/secret.ts';

function neverOpened(): never {
  throw new Error('a test of configuration opens nothing');
}

interface DatabaseConfig {
  readonly url?: Secret | undefined;
  readonly databases?: 'all' | string[] | undefined;
  readonly globals: boolean;
}

function databaseOf(url: Secret): string {
  const database = /^postgres:\/\/.*\/([^/?]+)/su.exec(url.reveal())?.[1];
  if (database === undefined)
    throw new HoldfastError('CONFIG_INVALID', `The database URL names no database: "${url.reveal().split('/').at(-1)}"`, {
      hint: 'Name one',
    });
  return database;
}

/** Has every form of key that a kind can have: secrets, paths, lists, unions, defaults. */
export const fakeDatabase: SourceDescriptor<DatabaseConfig> = {
  kind: 'postgres',
  title: 'Database',
  schema: z.strictObject({
    url: secretText().describe('where it is').optional(),
    databases: z.union([z.literal('all'), z.array(z.string()).min(1)]).optional(),
    globals: z.boolean().default(false),
    port: z.int().min(1).max(65_535).optional(),
  }),
  defaultName: ({ url }) => (url === undefined ? 'postgres' : databaseOf(url)),
  unitNames: ({ url, databases }) =>
    Array.isArray(databases) ? databases : url === undefined || databases === 'all' ? null : [databaseOf(url)],
  environment: [
    { variable: 'DATABASE_URL', key: 'url', format: 'text', asks: true },
    { variable: 'PGHOST', key: null, format: 'text', asks: true },
    { variable: 'BACKUP_DATABASES', key: 'databases', format: 'names', asks: true },
    { variable: 'BACKUP_GLOBALS', key: 'globals', format: 'flag', asks: false },
  ],
  open: neverOpened,
};

interface TreeConfig {
  readonly paths: string[];
}

export const fakeTree: SourceDescriptor<TreeConfig> = {
  kind: 'files',
  title: 'Files',
  schema: z.strictObject({ paths: z.array(pathText()).min(1, 'must not be empty'), exclude: z.array(z.string()).default([]) }),
  defaultName: ({ paths }) => (paths.length === 1 ? (paths[0]?.split('/').at(-1) ?? 'files') : 'files'),
  environment: [
    { variable: 'BACKUP_FILES', key: 'paths', format: 'paths', asks: true },
    { variable: 'BACKUP_FILES_EXCLUDE', key: 'exclude', format: 'paths', asks: false },
  ],
  open: neverOpened,
};

interface DirectoryConfig {
  readonly path: string;
}

export const fakeDirectory: StoreDescriptor<DirectoryConfig> = {
  kind: 'local',
  title: 'Directory',
  schema: z.strictObject({ path: pathText() }),
  location: ({ path }) => path,
  environment: [{ variable: 'BACKUP_DIR', key: 'path', format: 'text', asks: true }],
  open: neverOpened,
};

interface BucketConfig {
  readonly endpoint: string;
  readonly secretKey: Secret;
}

/** A store that needs a secret. */
export const fakeBucket: StoreDescriptor<BucketConfig> = {
  kind: 'bucket',
  title: 'Bucket',
  schema: z.strictObject({ endpoint: z.string(), secretKey: secretText() }),
  location: ({ endpoint }) => endpoint,
  environment: [
    { variable: 'BACKUP_BUCKET_ENDPOINT', key: 'endpoint', format: 'text', asks: true },
    { variable: 'BACKUP_BUCKET_SECRET_KEY', key: 'secretKey', format: 'text', asks: false },
  ],
  open: neverOpened,
};

interface PagerConfig {
  readonly number: string;
  readonly token?: Secret | undefined;
}

export const fakePager: NotifierDescriptor<PagerConfig> = {
  kind: 'pager',
  title: 'Pager',
  schema: z.strictObject({ number: z.string().regex(/^\d+$/u, 'must be digits'), token: secretText().optional() }),
  place: ({ number }) => number,
  environment: [
    { variable: 'BACKUP_PAGER', key: 'number', format: 'text', asks: true },
    { variable: 'BACKUP_PAGER_TOKEN', key: 'token', format: 'text', asks: false },
  ],
  open: neverOpened,
};

interface PingConfig {
  readonly url: Secret;
}

/** Has to hear of starts and successes, and cannot tell its place without its secret. */
export const fakePing: NotifierDescriptor<PingConfig> = {
  kind: 'ping',
  title: 'Ping',
  schema: z.strictObject({ url: secretText() }),
  place: ({ url }) => new URL(url.reveal()).host,
  always: ['backup-started', 'backup-succeeded'],
  environment: [{ variable: 'BACKUP_PING_URL', key: 'url', format: 'text', asks: true }],
  open: neverOpened,
};
