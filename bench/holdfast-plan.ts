import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runShell } from './run-shell.ts';

const program = join(import.meta.dirname, '..', 'bin', 'holdfast');

export interface PlanOptions {
  readonly directory: string;
  /** A source as it stands in the configuration. */
  readonly source: Readonly<Record<string, unknown>>;
  readonly compression: string | { readonly kind: string; readonly level: number };
}

/** A plan of one source and one local store, with a history of its own, run by the command line alone. */
export class HoldfastPlan {
  readonly #directory: string;
  readonly #store: string;
  readonly environment: Readonly<Record<string, string>>;

  constructor({ directory, source, compression }: PlanOptions) {
    this.#directory = directory;
    this.#store = join(directory, 'store');
    this.environment = { HOLDFAST_DATA_DIR: join(directory, 'data') };
    mkdirSync(directory, { recursive: true });
    const plan = { sources: [source], compression, stores: [{ kind: 'local', path: this.#store }], verify: 'none' };
    // JSON is YAML.
    writeFileSync(join(directory, 'holdfast.yaml'), JSON.stringify({ plans: { bench: plan } }, null, 2));
  }

  command(args: string): string {
    return `'${program}' --config '${this.#directory}/holdfast.yaml' ${args}`;
  }

  /** Forgets all snapshots. */
  clear(): void {
    rmSync(this.#store, { recursive: true, force: true });
    rmSync(join(this.#directory, 'data'), { recursive: true, force: true });
  }

  async newestId(): Promise<string> {
    const listed = await runShell(this.command('list --json'), { environment: this.environment });
    const [newest] = JSON.parse(listed) as { id: string }[];
    if (newest === undefined) throw new Error('The plan has no snapshot');
    return newest.id;
  }

  /** The largest file of the store: of one source there is one archive. */
  archive(): { readonly path: string; readonly sizeBytes: number } {
    const files = readdirSync(this.#store, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const sized = files.map((entry) => join(entry.parentPath, entry.name)).map((path) => ({ path, sizeBytes: statSync(path).size }));
    const [largest] = sized.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
    if (largest === undefined) throw new Error(`Nothing was stored in ${this.#store}`);
    return largest;
  }
}
