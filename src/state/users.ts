import { randomUUID } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import { HoldfastError } from '../domain/errors.ts';
import type { Role } from '../domain/principal.ts';
import { isTaken } from '../platform/sqlite-errors.ts';
import type { Accounts, StoredUser, User } from '../ports/service-state.ts';
import { instant, stored } from './instants.ts';
import type { StateSchema, UsersTable } from './schema.ts';

type Users = Pick<Accounts, 'countUsers' | 'createUser' | 'updateUser' | 'deleteUser' | 'users' | 'userByName' | 'userById' | 'userByOidc'>;

export function users(db: Kysely<StateSchema>): Users {
  const all = () => usersIn(db);
  return {
    async countUsers() {
      const { count } = await db
        .selectFrom('users')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return count;
    },
    async createUser(user) {
      try {
        const row = await db
          .insertInto('users')
          .values({
            id: randomUUID(),
            name: user.name,
            role: user.role,
            password_hash: user.passwordHash,
            oidc_issuer: user.oidc?.issuer ?? null,
            oidc_subject: user.oidc?.subject ?? null,
            created_at: stored(user.createdAt),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        return shownUser({ ...row, passkeys: 0 });
      } catch (error) {
        throw isTaken(error) ? userExists(user.name, error) : error;
      }
    },
    async updateUser(id, { role, passwordHash, totpSecret, totpUsedStep, disabledAt }) {
      const change = {
        ...(role !== undefined && { role }),
        ...(passwordHash !== undefined && { password_hash: passwordHash }),
        ...(totpSecret !== undefined && { totp_sealed: totpSecret }),
        ...(totpUsedStep !== undefined && { totp_used_step: totpUsedStep }),
        ...(disabledAt !== undefined && { disabled_at: stored(disabledAt) }),
      };
      if (Object.keys(change).length > 0) await db.updateTable('users').set(change).where('id', '=', id).execute();
    },
    async deleteUser(id) {
      await db.deleteFrom('users').where('id', '=', id).execute();
    },
    async users() {
      return (await all().orderBy('name').execute()).map(shownUser);
    },
    async userByName(name) {
      return storedUser(await all().where('name', '=', name).executeTakeFirst());
    },
    async userById(id) {
      return storedUser(await all().where('id', '=', id).executeTakeFirst());
    },
    async userByOidc(issuer, subject) {
      return storedUser(await all().where('oidc_issuer', '=', issuer).where('oidc_subject', '=', subject).executeTakeFirst());
    },
  };
}

type UserRow = Selectable<UsersTable> & { readonly passkeys: number };

/** Every user, with the number of passkeys. */
export function usersIn(db: Kysely<StateSchema>) {
  return db
    .selectFrom('users')
    .selectAll('users')
    .select((eb) =>
      eb
        .selectFrom('passkeys')
        .whereRef('passkeys.user_id', '=', 'users.id')
        .select(eb.fn.countAll<number>().as('count'))
        .$asScalar()
        .$notNull()
        .as('passkeys'),
    );
}

/** Without anything that must not leave the service. */
export function shownUser(row: UserRow): User {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    createdAt: instant(row.created_at),
    disabledAt: instant(row.disabled_at),
    hasPassword: row.password_hash !== null,
    hasTotp: row.totp_sealed !== null,
    passkeys: row.passkeys,
    oidc: row.oidc_issuer === null || row.oidc_subject === null ? null : { issuer: row.oidc_issuer, subject: row.oidc_subject },
  };
}

function storedUser(row: UserRow | undefined): StoredUser | undefined {
  if (row === undefined) return undefined;
  return { ...shownUser(row), passwordHash: row.password_hash, totpSecret: row.totp_sealed, totpUsedStep: row.totp_used_step };
}

function userExists(name: string, cause: unknown): HoldfastError {
  return new HoldfastError('USER_EXISTS', `Cannot create user "${name}": there is one of that name already`, {
    hint: 'Choose another name, or see who there is with holdfast user list',
    cause,
  });
}
