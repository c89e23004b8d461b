import type { Comparison } from './comparison.ts';
import { backedUp, backup, type Scene } from './scene.ts';

/** The comparisons by name. Bars are ratios to the rival's wall time; without one the row is shown for what it is. */
export const benchmarks: Readonly<Record<string, (scene: Scene) => Comparison | Promise<Comparison>>> = {
  'tree-gzip': (scene) => ({
    warmUp: readTree(scene.tree('mixed')),
    rival: { title: 'tar | gzip -6', ...scene.writing(`tar -cf - -C '${scene.tree('mixed')}' . | gzip -6`, 'rival.tar.gz') },
    rows: [
      {
        name: 'tree-gzip-6',
        title: 'mixed tree to .tar.gz, level 6',
        contender: backup(scene.treePlan('mixed', { kind: 'gzip', level: 6 })),
        bar: 0.4,
      },
      { name: 'tree-gzip', title: 'mixed tree to .tar.gz, default level', contender: backup(scene.treePlan('mixed', 'gzip')), bar: 0.24 },
    ],
  }),
  'tree-zstd': (scene) => ({
    warmUp: readTree(scene.tree('mixed')),
    rival: { title: 'tar | zstd -3 -T0', ...scene.writing(`tar -cf - -C '${scene.tree('mixed')}' . | zstd -q -3 -T0`, 'rival.tar.zst') },
    rows: [{ name: 'tree-zstd', title: 'mixed tree to .tar.zst', contender: backup(scene.treePlan('mixed', 'zstd')), bar: 1.15 }],
  }),
  'photos-gzip': (scene) => ({
    warmUp: readTree(scene.tree('photos')),
    rival: { title: 'tar | gzip -6', ...scene.writing(`tar -cf - -C '${scene.tree('photos')}' . | gzip -6`, 'rival.tar.gz') },
    rows: [{ name: 'photos-gzip', title: 'photos to .tar.gz', contender: backup(scene.treePlan('photos', 'gzip')), bar: 0.06 }],
  }),
  'photos-zstd': (scene) => ({
    warmUp: readTree(scene.tree('photos')),
    rival: { title: 'tar | zstd -3 -T0', ...scene.writing(`tar -cf - -C '${scene.tree('photos')}' . | zstd -q -3 -T0`, 'rival.tar.zst') },
    rows: [{ name: 'photos-zstd', title: 'photos to .tar.zst', contender: backup(scene.treePlan('photos', 'zstd')), bar: null }],
  }),
  'postgres-gzip': async (scene) => {
    const url = await scene.databases.source();
    return {
      warmUp: `pg_dump -d '${url}' > /dev/null`,
      rival: { title: 'pg_dump | gzip -6', ...scene.writing(`pg_dump -d '${url}' | gzip -6`, 'rival.sql.gz') },
      rows: [
        {
          name: 'postgres-gzip',
          title: 'Postgres to .sql.gz, default level',
          contender: backup(scene.databasePlan(url, 'gzip')),
          bar: 0.32,
        },
        {
          name: 'postgres-gzip-6',
          title: 'Postgres to .sql.gz, level 6',
          contender: backup(scene.databasePlan(url, { kind: 'gzip', level: 6 })),
          bar: 0.5,
        },
      ],
    };
  },
  'postgres-zstd': async (scene) => {
    const url = await scene.databases.source();
    return {
      warmUp: `pg_dump -d '${url}' > /dev/null`,
      rival: { title: 'pg_dump | zstd -3 -T0', ...scene.writing(`pg_dump -d '${url}' | zstd -q -3 -T0`, 'rival.sql.zst') },
      rows: [{ name: 'postgres-zstd', title: 'Postgres to .sql.zst', contender: backup(scene.databasePlan(url, 'zstd')), bar: 1.2 }],
    };
  },
  'restore-tree-zstd': (scene) => restoreTree(scene, 'zstd', 'zstd -dc'),
  'restore-tree-gzip': (scene) => restoreTree(scene, 'gzip', 'gzip -dc'),
  'restore-postgres': restoreDatabase,
  'verify-tree': async (scene) => {
    const plan = await backedUp(scene.treePlan('mixed', 'zstd'));
    return {
      warmUp: readFile(plan.archive().path),
      rival: { title: 'zstd -dc | tar t', line: `zstd -dc '${plan.archive().path}' | tar -tf - > '${scene.path('listing')}'` },
      rows: [
        {
          name: 'verify-tree',
          title: 'reading a .tar.zst back to its end',
          contender: { line: plan.command('verify --latest --depth readable --json'), environment: plan.environment },
          bar: null,
        },
      ],
    };
  },
  'verify-postgres': async (scene) => {
    const plan = await backedUp(scene.databasePlan(await scene.databases.source(), 'zstd'));
    return {
      warmUp: readFile(plan.archive().path),
      rival: { title: 'zstd -t', line: `zstd -q -t '${plan.archive().path}'` },
      rows: [
        {
          name: 'verify-postgres',
          title: 'reading a .sql.zst back to its end',
          contender: { line: plan.command('verify --latest --depth readable --json'), environment: plan.environment },
          bar: null,
        },
      ],
    };
  },
};

/** Holdfast first reads the archive to its end, and syncs: the rival only syncs. */
async function restoreTree(scene: Scene, compression: 'gzip' | 'zstd', decompress: string): Promise<Comparison> {
  const plan = await backedUp(scene.treePlan('mixed', compression));
  const archive = plan.archive().path;
  const id = await plan.newestId();
  const extract = (directory: string) =>
    `mkdir '${directory}' && ${decompress} '${archive}' | tar -xf - -C '${directory}' && sync -f '${directory}'`;
  return {
    warmUp: readFile(archive),
    rival: { title: `${decompress} | tar x`, ...scene.extracting(extract, 'restored-rival') },
    rows: [
      {
        name: `restore-tree-${compression}`,
        title: `mixed tree back from .tar.${compression === 'gzip' ? 'gz' : 'zst'}`,
        contender: scene.extracting(
          (directory) => plan.command(`restore ${id} --to-directory '${directory}' --yes --json`),
          'restored',
          plan.environment,
        ),
        bar: 1.1,
      },
    ],
  };
}

/** Both load in one transaction. Holdfast first reads the archive to its end, and then compares every table. */
async function restoreDatabase(scene: Scene): Promise<Comparison> {
  const plan = await backedUp(scene.databasePlan(await scene.databases.source(), 'zstd'));
  const server = await scene.databases.server();
  const id = await plan.newestId();
  const drop = async (database: string) => void (await server.query('postgres', `drop database if exists ${database} with (force)`));
  const psql = `psql -X -q -v ON_ERROR_STOP=1 --single-transaction -d '${server.url('restored_rival')}'`;
  return {
    warmUp: readFile(plan.archive().path),
    rival: {
      title: 'zstd -dc | psql',
      line: `createdb --maintenance-db='${server.url('postgres')}' restored_rival && zstd -dc '${plan.archive().path}' | ${psql}`,
      prepare: () => drop('restored_rival'),
    },
    rows: [
      {
        name: 'restore-postgres',
        title: 'Postgres back from .sql.zst',
        contender: {
          line: plan.command(`restore ${id} --to-database '${server.url('restored')}' --yes --json`),
          environment: plan.environment,
          prepare: () => drop('restored'),
        },
        bar: 1.1,
      },
    ],
  };
}

/** Through a pipe: into /dev/null itself tar would read nothing. */
function readTree(path: string): string {
  return `tar -cf - -C '${path}' . | cat > /dev/null`;
}

function readFile(path: string): string {
  return `cat '${path}' > /dev/null`;
}
