import type { Configuration, OpenWorld } from '../operations/context.ts';
import type { ConfigureOptions, Doors } from './doors.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** What a command that works on plans is given. */
export interface CommandContext {
  readonly world: OpenWorld;
  readonly configuration: Configuration;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly doors: Doors;
}

export type Arguments = readonly (string | undefined)[];
export type WorldAction<Flags> = (context: CommandContext, args: Arguments, flags: Flags) => Promise<ExitCode>;
export type PlainAction<Flags> = (doors: Doors, args: Arguments, flags: Flags & GlobalFlags) => Promise<ExitCode>;
export type CommanderAction = (...args: unknown[]) => Promise<void>;
export type Needs = Pick<ConfigureOptions, 'missingSecrets'>;

export interface GlobalFlags {
  readonly config?: string;
  readonly store?: string;
  readonly json?: boolean;
}

/** Makes commander's action of a command's own function: configuration read, world opened, everything closed after. */
export interface CommandSetup {
  withWorld<Flags>(action: WorldAction<Flags>): CommanderAction;
  withWorld<Flags>(needs: Needs, action: WorldAction<Flags>): CommanderAction;
  plain<Flags>(action: PlainAction<Flags>): CommanderAction;
}
