import { type Command, Option } from 'commander';
import { HoldfastError } from '../../domain/errors.ts';
import { formatAge, parseDuration } from '../../domain/duration.ts';
import { roles, type Role } from '../../domain/principal.ts';
import { issueToken, revokeToken, writeDown } from '../../operations/accounts.ts';
import { choosePlan } from '../../operations/choose.ts';
import type { ApiToken } from '../../ports/service-state.ts';
import { exitCodes } from '../exit-codes.ts';
import type { CommandSetup, GlobalFlags } from '../command.ts';
import type { Doors } from '../doors.ts';
import { table } from '../table.ts';

interface CreateFlags {
  readonly role: Role;
  readonly name: string;
  readonly plan?: readonly string[];
  readonly expires?: string;
}

export function tokenCommand(program: Command, setup: CommandSetup): void {
  const token = program.command('token').summary('make, list and revoke tokens for the API, while the service runs or not');
  token
    .command('create')
    .summary('make a token, and print it: it is shown this once')
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).makeOptionMandatory())
    .option('--name <name>', 'what lists and the audit call it', 'cli')
    .option('--plan <plan...>', 'only for these plans')
    .option('--expires <duration>', 'how long it lasts, for example 90d; for ever when absent')
    .action(
      setup.plain<CreateFlags>(async (doors, _args, flags) => {
        const plans = await plansOf(flags, doors);
        const expiresAt = expiryOf(flags.expires, doors.now());
        await using accounts = await doors.openAccounts();
        const wish = { name: flags.name, role: flags.role, plans, expiresAt, createdBy: doors.user };
        const made = await issueToken(accounts, wish);
        const details = { id: made.id, role: wish.role, plans, expiresAt: expiresAt?.toISOString() ?? null };
        await writeDown(accounts, actor(doors), { act: 'token-create', target: wish.name, result: 'done', details });
        doors.terminal.result(made.token, { token: made.token, name: wish.name, ...details });
        return exitCodes.done;
      }),
    );
  token
    .command('list')
    .summary('list tokens that are not revoked; the tokens themselves are not kept')
    .action(
      setup.plain(async (doors) => {
        await using accounts = await doors.openAccounts();
        const tokens = (await accounts.state.accounts.tokens()).filter(({ revokedAt }) => revokedAt === null);
        doors.terminal.result(describe(tokens, doors), tokens);
        return exitCodes.done;
      }),
    );
  token
    .command('revoke')
    .summary('end a token at once')
    .argument('<id>', 'id of holdfast token list')
    .action(
      setup.plain(async (doors, [id = '']) => {
        await using accounts = await doors.openAccounts();
        await revokeToken(accounts, id);
        await writeDown(accounts, actor(doors), { act: 'token-revoke', target: id, result: 'done', details: {} });
        doors.terminal.result(`Token ${id} is revoked`, { id });
        return exitCodes.done;
      }),
    );
}

function actor({ user }: Doors) {
  return { name: user, kind: 'user', address: '' } as const;
}

/** A token for a plan that does not exist could never do anything. */
async function plansOf({ plan, config, store }: CreateFlags & GlobalFlags, doors: Doors): Promise<readonly string[] | null> {
  if (plan === undefined) return null;
  const configuration = await doors.configure({ file: config, store, missingSecrets: 'defer' });
  return plan.map((name) => choosePlan(configuration, name).name);
}

function expiryOf(expires: string | undefined, now: Date): Date | null {
  if (expires === undefined) return null;
  const ms = parseDuration(expires) ?? 0;
  if (ms > 0) return new Date(now.getTime() + ms);
  throw new HoldfastError('USAGE', `"${expires}" is no duration`, { hint: 'Write for example: --expires 90d' });
}

function describe(tokens: readonly ApiToken[], { terminal, now }: Doors): string {
  if (tokens.length === 0) return 'no tokens';
  const age = (at: Date | null, never: string): string => (at === null ? never : formatAge(at, now()));
  const rows = tokens.map(({ id, name, role, plans, createdAt, expiresAt, usedAt }) => [
    id,
    name,
    role,
    plans?.join(', ') ?? 'all',
    age(createdAt, ''),
    age(expiresAt, 'never'),
    age(usedAt, 'never'),
  ]);
  return table(['ID', 'NAME', 'ROLE', 'PLANS', 'MADE', 'EXPIRES', 'USED'], rows, { columns: terminal.columns });
}
