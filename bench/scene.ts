import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender } from './comparison.ts';
import type { BenchDatabases } from './data/bench-database.ts';
import { benchTree, type TreeName } from './data/bench-tree.ts';
import { HoldfastPlan, type PlanOptions } from './holdfast-plan.ts';
import { runShell } from './run-shell.ts';

type Compression = PlanOptions['compression'];

/** Where benchmarks take place: the data, a directory to write to, and the contenders that both sides are made of. */
export class Scene {
  readonly databases: BenchDatabases;
  readonly #work: string;
  readonly #trees: string;

  constructor(options: { readonly work: string; readonly trees: string; readonly databases: BenchDatabases }) {
    this.databases = options.databases;
    this.#work = options.work;
    this.#trees = options.trees;
    mkdirSync(this.#work, { recursive: true });
  }

  tree(name: TreeName): string {
    return benchTree(this.#trees, name);
  }

  treePlan(tree: TreeName, compression: Compression): HoldfastPlan {
    const path = this.tree(tree);
    return this.#plan(`plan-${tree}-${compressionName(compression)}`, { source: { kind: 'files', paths: [path] }, compression });
  }

  databasePlan(url: string, compression: Compression): HoldfastPlan {
    const source = { kind: 'postgres', url };
    return this.#plan(`plan-${new URL(url).pathname.slice(1)}-${compressionName(compression)}`, { source, compression });
  }

  #plan(name: string, options: Omit<PlanOptions, 'directory'>): HoldfastPlan {
    return new HoldfastPlan({ directory: join(this.#work, name), ...options });
  }

  /** A rival that writes one file, on disk when it ends: what Holdfast does too. */
  writing(pipeline: string, name: string): Contender {
    const path = this.path(name);
    return {
      line: `${pipeline} > '${path}' && sync '${path}'`,
      prepare: () => rmSync(path, { force: true }),
      sizeBytes: () => statSync(path).size,
    };
  }

  /** A fresh directory for each round; removed when all is done. */
  extracting(line: (directory: string) => string, name: string, environment: Readonly<Record<string, string>> = {}): Contender {
    const directory = this.path(name);
    return {
      line: line(directory),
      environment,
      prepare: async () => {
        // Much faster than Node's own removal of a large tree.
        if (existsSync(directory)) await runShell(`rm -rf '${directory}'`);
      },
    };
  }

  path(name: string): string {
    return join(this.#work, name);
  }
}

/** One `holdfast backup` into an empty store. */
export function backup(plan: HoldfastPlan): Contender {
  return {
    line: plan.command('backup bench --json'),
    environment: plan.environment,
    prepare: () => plan.clear(),
    sizeBytes: () => plan.archive().sizeBytes,
  };
}

/** Runs the plan once, so that there is something to verify or restore. */
export async function backedUp(plan: HoldfastPlan): Promise<HoldfastPlan> {
  plan.clear();
  await runShell(plan.command('backup bench --json'), { environment: plan.environment });
  return plan;
}

function compressionName(compression: Compression): string {
  return typeof compression === 'string' ? compression : `${compression.kind}${compression.level}`;
}
