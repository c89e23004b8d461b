import { measureAlone } from './comparison.ts';
import type { HoldfastPlan } from './holdfast-plan.ts';
import { say } from './say.ts';
import { backup, type Scene } from './scene.ts';

export interface MemoryResult {
  readonly title: string;
  readonly seconds: number;
  readonly peakRssBytes: number;
}

/** Peak memory at ten times the data: about 10 GB of files, about 20 GB of SQL. */
export async function measureMemory(scene: Scene): Promise<MemoryResult[]> {
  return [
    await measured('mixed tree ×10 to .tar.zst', scene.treePlan('mixed-times-10', 'zstd')),
    await measured('mixed tree ×10 to .tar.gz', scene.treePlan('mixed-times-10', 'gzip')),
    await measured('Postgres ×10 to .sql.zst', scene.databasePlan(await scene.databases.sourceTimesTen(), 'zstd')),
  ];
}

async function measured(title: string, plan: HoldfastPlan): Promise<MemoryResult> {
  say(title);
  const { seconds, peakRssBytes } = await measureAlone(backup(plan));
  plan.clear();
  return { title, seconds: seconds[0] ?? Number.NaN, peakRssBytes };
}
