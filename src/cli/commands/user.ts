import { type Command, Option } from 'commander';
import { formatAge } from '../../domain/duration.ts';
import { HoldfastError } from '../../domain/errors.ts';
import { roles, type Role } from '../../domain/principal.ts';
import { createUser, resetPassword, type TakenAway, userNamed, writeDown } from '../../operations/accounts.ts';
import type { User } from '../../ports/service-state.ts';
import { exitCodes } from '../exit-codes.ts';
import type { CommandSetup } from '../command.ts';
import type { Doors } from '../doors.ts';
import { table } from '../table.ts';

export function userCommand(program: Command, setup: CommandSetup): void {
  const user = program.command('user').summary('make, list and let in again those who sign in, while the service runs or not');
  user
    .command('create')
    .summary('make a user; the password is asked for, or is the first line of standard input')
    .argument('<name>', 'what the user signs in with')
    .addOption(new Option('--role <role>', 'what the user may do').choices(roles).makeOptionMandatory())
    .action(
      setup.plain<{ readonly role: Role }>(async (doors, [name = ''], { role }) => {
        const password = await readPassword(doors);
        await using accounts = await doors.openAccounts();
        const { id } = await createUser(accounts, { name, role, password });
        await writeDown(accounts, actor(doors), { act: 'user-create', target: name, result: 'done', details: { id, role } });
        doors.terminal.result(`${name} can sign in as ${role}`, { id, name, role });
        return exitCodes.done;
      }),
    );
  user
    .command('list')
    .summary('list everybody who may sign in')
    .action(
      setup.plain(async (doors) => {
        await using accounts = await doors.openAccounts();
        const users = await accounts.state.accounts.users();
        doors.terminal.result(describe(users, doors), users);
        return exitCodes.done;
      }),
    );
  user
    .command('reset-password')
    .summary('let a user in again, and nobody else: a new password, passkeys and one-time codes gone, every session ended')
    .argument('<name>', 'who')
    .action(
      setup.plain(async (doors, [name = '']) => {
        const password = await readPassword(doors);
        await using accounts = await doors.openAccounts();
        const found = await userNamed(accounts, name);
        const removed = await resetPassword(accounts, found, password);
        await accounts.state.accounts.updateUser(found.id, { disabledAt: null });
        const details = { id: found.id, removed };
        await writeDown(accounts, actor(doors), { act: 'user-reset-password', target: found.name, result: 'done', details });
        doors.terminal.result(describeReset(found, removed), { ...details, name: found.name });
        return exitCodes.done;
      }),
    );
}

function actor({ user }: Doors) {
  return { name: user, kind: 'user', address: '' } as const;
}

function describeReset({ name, oidc }: User, { passkeys, oneTimeCodes }: TakenAway): string {
  const gone = [
    ...(passkeys === 0 ? [] : [passkeys === 1 ? '1 passkey removed' : `${passkeys} passkeys removed`]),
    ...(oneTimeCodes ? ['one-time codes off'] : []),
    'every session ended',
  ];
  const still = oidc === null ? [] : ['Single sign-on still lets this user in: that is with the identity provider'];
  const tokens = 'Tokens belong to nobody and go on: if somebody else had the account, look through holdfast token list';
  return [`${name} can sign in with the new password; ${gone.join(', ')}`, ...still, tokens].join('\n');
}

/** Never an argument: every process list would show it. */
async function readPassword({ terminal, readLine }: Doors): Promise<string> {
  if (!terminal.isInteractive) return await readLine();
  const prompts = await import('@clack/prompts');
  const ask = async (message: string): Promise<string> => {
    const answer = await prompts.password({ message });
    if (!prompts.isCancel(answer)) return answer;
    throw new HoldfastError('CANCELLED', 'No password was given', { hint: 'Run the command again; nothing was changed' });
  };
  const password = await ask('New password');
  if (password === (await ask('The same again'))) return password;
  throw new HoldfastError('USAGE', 'The two passwords differ', { hint: 'Run the command again; nothing was changed' });
}

function describe(users: readonly User[], { terminal, now }: Doors): string {
  if (users.length === 0) return 'no users; the service prints a link with which the first one is made';
  const rows = users.map(({ name, role, createdAt, disabledAt, hasPassword, hasTotp, passkeys, oidc }) => [
    name,
    role,
    [
      ...(hasPassword ? ['password'] : []),
      ...(hasTotp ? ['one-time codes'] : []),
      ...(passkeys > 0 ? ['passkey'] : []),
      ...(oidc === null ? [] : ['single sign-on']),
    ].join(', '),
    formatAge(createdAt, now()),
    disabledAt === null ? '' : 'disabled',
  ]);
  return table(['NAME', 'ROLE', 'SIGNS IN WITH', 'MADE', ''], rows, { columns: terminal.columns });
}
