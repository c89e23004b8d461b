import type { ScheduledVerb } from '../domain/due.ts';
import type { Plan } from '../domain/plan.ts';
import type { Secret } from '../domain/secret.ts';
import type { ListenAddress } from '../domain/service-settings.ts';
import type { AccountsContext } from '../operations/accounts.ts';
import type { Configuration, OpenWorld } from '../operations/context.ts';
import type { ChannelTest } from '../operations/test-channels.ts';
import type { FolderIndex } from '../ports/folder-index.ts';
import type { Terminal } from './terminal.ts';

/** What the composition root hands to the commands. */
export interface Doors {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What a variable holds, or the file that its name with `_FILE` appended names; null when neither is set. */
  secretVariable(name: string): Secret | null;
  readonly now: () => Date;
  /** Name of the user of the operating system. */
  readonly user: string;
  /** The first line of standard input, without its end. */
  readonly readLine: () => Promise<string>;
  /** Tells when a plan's schedule first wants a backup after a given moment, on this installation; null when never. */
  nextBackups(): Promise<(plan: Plan, after: Date) => Date | null>;
  /** Relative to the working directory. */
  absolutePath(path: string): string;
  /** Reads and validates the configuration. */
  configure(options: ConfigureOptions): Promise<Configuration>;
  /** The effective configuration as text, and as plain data. */
  describeConfiguration(configuration: Configuration): Promise<{ readonly text: string; readonly json: unknown }>;
  configurationSchema(): Promise<unknown>;
  /** Opens the history and everything that operations need. `checkHistory` reads all of it, and sets it aside when it is damaged. */
  open(configuration: Configuration, options?: { readonly checkHistory?: boolean }): Promise<OpenWorld>;
  openFolderIndex(): Promise<FolderIndex>;
  /** Users, tokens and the audit; a service may run meanwhile. */
  openAccounts(): Promise<AccountsContext & AsyncDisposable>;
  /** What the schedules of these plans start next. */
  preview(plans: readonly Plan[], options: { readonly from: Date; readonly count: number }): Promise<readonly PreviewedRun[]>;
  /** Sends a test by every channel of the plan as it is given. */
  testChannels(configuration: Configuration, plan: Pick<Plan, 'name' | 'notify'>): Promise<readonly ChannelTest[]>;
  /** Runs the service until it is told to stop. */
  serve(configuration: Configuration, options: ServeOptions): Promise<void>;
}

export interface PreviewedRun {
  readonly plan: string;
  readonly verb: ScheduledVerb;
  readonly at: Date;
  /** By the clock on the wall there: `2026-10-25T02:30:00+02:00[Europe/Berlin]`. */
  readonly local: string;
  readonly why: string;
}

export interface ServeOptions {
  /** Null: as configured. */
  readonly listen: ListenAddress | null;
  /** Told once, when it answers there. */
  readonly onListening: (addresses: readonly string[]) => void;
}

export interface ConfigureOptions {
  readonly file: string | undefined;
  /** A local store's directory to look into besides (or without) configured plans. */
  readonly store: string | undefined;
  /** On a bad day, a secret that is missing must not keep people from listing and restoring. */
  readonly missingSecrets: 'refuse' | 'defer';
}
