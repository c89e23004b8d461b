import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAct, useLoaded } from './api.ts';
import { now } from './clock.ts';
import { Form, PasswordField, TextField } from './form.tsx';
import { useSession } from './session.ts';
import type { ApiToken, NewApiToken, Page as PageOf, Role, User } from './shapes.ts';
import { Ago, Button, Copyable, Dialog, Empty, Field, Page, Section, Trouble } from './ui.tsx';

const roles: readonly { readonly role: Role; readonly note: string }[] = [
  { role: 'viewer', note: 'sees everything but contents' },
  { role: 'operator', note: 'also starts backups and drills, and downloads' },
  { role: 'administrator', note: 'also restores, deletes and manages people' },
];

export function PeoplePage(): JSX.Element {
  const users = useLoaded<PageOf<User>>('users');
  const tokens = useLoaded<PageOf<ApiToken>>('tokens');
  const [adds, setAdds] = useState<'user' | 'token' | null>(null);
  const close = (isChanged: boolean) => {
    setAdds(null);
    if (isChanged) {
      users.reload();
      tokens.reload();
    }
  };
  return (
    <Page title="People" lead="Who may sign in, and which programs may call the API.">
      <Section title="People" note={<Button onClick={() => setAdds('user')}>Add somebody</Button>}>
        <Trouble error={users.error} retry={users.reload} />
        <ul class="rows">
          {users.data?.items.map((user) => (
            <UserRow key={user.id} user={user} reload={users.reload} />
          ))}
        </ul>
      </Section>
      <Section title="API tokens" note={<Button onClick={() => setAdds('token')}>New token</Button>}>
        <Trouble error={tokens.error} retry={tokens.reload} />
        {tokens.data?.items.length === 0 ? <Empty>None.</Empty> : null}
        <ul class="rows">
          {tokens.data?.items.map((token) => (
            <TokenRow key={token.id} token={token} reload={tokens.reload} />
          ))}
        </ul>
      </Section>
      {adds === 'user' ? <AddUser onClose={close} /> : null}
      {adds === 'token' ? <AddToken onClose={close} /> : null}
    </Page>
  );
}

function UserRow({ user, reload }: { readonly user: User; readonly reload: () => void }): JSX.Element {
  const { me } = useSession();
  const act = useAct();
  const [resets, setResets] = useState(false);
  const change = (body: unknown) =>
    act.run(async () => {
      await call(`users/${user.id}`, { method: 'PATCH', body });
      reload();
    });
  const ways = [
    user.password ? 'password' : '',
    user.totp ? 'one-time code' : '',
    user.passkeys > 0 ? 'passkey' : '',
    user.oidc ? 'single sign-on' : '',
  ].filter((way) => way !== '');
  return (
    <li>
      <div class="row still">
        <span class="row-main">
          <span class="row-title">
            {user.name}
            {user.name === me.name ? <span class="soft"> (you)</span> : null}
          </span>
          <span class="row-note">{user.disabled ? 'may not sign in' : ways.join(' and ')}</span>
        </span>
        <span class="row-end">
          <RoleSelect label={`Role of ${user.name}`} role={user.role} onRole={(role) => change({ role })} />
          <Button kind="quiet" onClick={() => setResets(true)}>
            New password
          </Button>
          <Button kind="quiet" busy={act.busy} onClick={() => change({ disabled: !user.disabled })}>
            {user.disabled ? 'Let in again' : 'Shut out'}
          </Button>
        </span>
      </div>
      <Trouble error={act.error} />
      {resets ? (
        <ResetPassword
          user={user}
          onClose={(isChanged) => {
            setResets(false);
            if (isChanged) reload();
          }}
        />
      ) : null}
    </li>
  );
}

function ResetPassword({ user, onClose }: { readonly user: User; readonly onClose: (isChanged: boolean) => void }): JSX.Element {
  const [password, setPassword] = useState('');
  const reset = async () => {
    await call(`users/${user.id}`, { method: 'PATCH', body: { password } });
    onClose(true);
  };
  return (
    <Dialog title={`New password for ${user.name}`} onClose={() => onClose(false)}>
      <Form submit="Set it" onSubmit={reset}>
        <p>
          For who forgot it, and to take back an account that somebody else got into: passkeys and one-time codes of {user.name} are
          removed, and every session ends.
        </p>
        <PasswordField
          label="New password"
          hint="At least 12 characters. They can change it themselves."
          autocomplete="new-password"
          value={password}
          onValue={setPassword}
        />
      </Form>
    </Dialog>
  );
}

function RoleSelect({
  label,
  role,
  onRole,
}: {
  readonly label: string;
  readonly role: Role;
  readonly onRole: (role: Role) => void;
}): JSX.Element {
  return (
    <select aria-label={label} value={role} onChange={(event) => onRole(event.currentTarget.value as Role)}>
      {roles.map((each) => (
        <option key={each.role} value={each.role}>
          {each.role}
        </option>
      ))}
    </select>
  );
}

function TokenRow({ token, reload }: { readonly token: ApiToken; readonly reload: () => void }): JSX.Element {
  const act = useAct();
  const revoke = () =>
    act.run(async () => {
      await call(`tokens/${token.id}`, { method: 'DELETE' });
      reload();
    });
  return (
    <li>
      <div class="row still">
        <span class="row-main">
          <span class="row-title">
            {token.name} <span class="soft">{token.role}</span>
          </span>
          <span class="row-note">
            {token.plans === null ? 'all plans' : token.plans.join(', ')} · used <Ago at={token.usedAt} />
            {token.expiresAt === null ? ' · does not expire' : null}
            {token.expiresAt === null ? null : (
              <>
                {' '}
                · expires <Ago at={token.expiresAt} />
              </>
            )}
          </span>
        </span>
        <Button kind="quiet" busy={act.busy} onClick={revoke}>
          Revoke
        </Button>
      </div>
      <Trouble error={act.error} />
    </li>
  );
}

function AddUser({ onClose }: { readonly onClose: (isChanged: boolean) => void }): JSX.Element {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const add = async () => {
    await call('users', { method: 'POST', body: { name, role, password } });
    onClose(true);
  };
  return (
    <Dialog title="Add somebody" onClose={() => onClose(false)}>
      <Form submit="Add" onSubmit={add}>
        <TextField label="Name" required maxLength={200} autocomplete="off" value={name} onValue={setName} />
        <PasswordField
          label="First password"
          hint="At least 12 characters. They can change it themselves."
          autocomplete="new-password"
          value={password}
          onValue={setPassword}
        />
        <RoleChoice role={role} onRole={setRole} />
      </Form>
    </Dialog>
  );
}

function RoleChoice({ role, onRole }: { readonly role: Role; readonly onRole: (role: Role) => void }): JSX.Element {
  return (
    <fieldset class="options">
      <legend>Role</legend>
      {roles.map((each) => (
        <label key={each.role} class={each.role === role ? 'option chosen' : 'option'}>
          <input type="radio" name="role" checked={each.role === role} onChange={() => onRole(each.role)} />
          <span>
            <strong>{each.role}</strong>
            <span class="soft">{each.note}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

const lives = [30, 90, 365] as const;

function AddToken({ onClose }: { readonly onClose: (isChanged: boolean) => void }): JSX.Element {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [days, setDays] = useState('90');
  const [made, setMade] = useState<NewApiToken | undefined>();
  const add = async () => {
    const expiresAt = days === '' ? null : new Date(now().getTime() + Number(days) * 86_400_000).toISOString();
    setMade(await call('tokens', { method: 'POST', body: { name, role, expiresAt } }));
  };
  if (made !== undefined) {
    return (
      <Dialog title="Your new token" onClose={() => onClose(true)}>
        <p>Take it along now: it is shown only this once.</p>
        <Copyable label="The token" text={made.token} />
        <div class="dialog-foot">
          <Button kind="primary" onClick={() => onClose(true)}>
            Done
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New token" onClose={() => onClose(false)}>
      <Form submit="Make it" onSubmit={add}>
        <TextField
          label="Name"
          hint="What will use it, such as “prometheus”."
          required
          maxLength={200}
          autocomplete="off"
          value={name}
          onValue={setName}
        />
        <Field label="Expires">
          {(ids) => (
            <select {...ids} value={days} onChange={(event) => setDays(event.currentTarget.value)}>
              {lives.map((each) => (
                <option key={each} value={each}>
                  in {each} days
                </option>
              ))}
              <option value="">never</option>
            </select>
          )}
        </Field>
        <RoleChoice role={role} onRole={setRole} />
      </Form>
    </Dialog>
  );
}
