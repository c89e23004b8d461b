import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAct } from './api.ts';
import { CodeField, Form, PasswordField, TextField } from './form.tsx';
import { Icon } from './icons.tsx';
import { addPasskey, knowsPasskeys } from './passkeys.ts';
import { useSession } from './session.ts';
import { Ago, Button, Copyable, Empty, Page, Section, Trouble } from './ui.tsx';

export function AccountPage({ onSignOut }: { readonly onSignOut: () => void }): JSX.Element {
  const { me } = useSession();
  return (
    <Page
      title={me.name}
      lead={`You are ${me.role === 'viewer' ? 'a viewer' : me.role === 'operator' ? 'an operator' : 'an administrator'}.`}
      actions={<Button onClick={onSignOut}>Sign out</Button>}
    >
      <ChangePassword />
      <OneTimeCodes />
      <Passkeys />
    </Page>
  );
}

function ChangePassword(): JSX.Element {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [isDone, setDone] = useState(false);
  const change = async () => {
    await call('me/password', { method: 'POST', body: { current, next } });
    setDone(true);
    setCurrent('');
    setNext('');
  };
  return (
    <Section title="Password">
      <Form narrow kind="plain" submit="Change it" onSubmit={change}>
        <PasswordField label="Present password" autocomplete="current-password" value={current} onValue={setCurrent} />
        <PasswordField
          label="New password"
          hint="At least 12 characters. Other browsers are signed out."
          autocomplete="new-password"
          value={next}
          onValue={setNext}
        />
      </Form>
      <p aria-live="polite" class="good-text">
        {isDone ? 'Changed.' : ''}
      </p>
    </Section>
  );
}

interface TotpStart {
  readonly secret: string;
  readonly uri: string;
}

function OneTimeCodes(): JSX.Element {
  const { me } = useSession();
  return <Section title="One-time codes">{me.totp ? <CodesOff /> : <CodesOn />}</Section>;
}

function CodesOff(): JSX.Element {
  const { refresh } = useSession();
  const [password, setPassword] = useState('');
  const remove = async () => {
    await call('me/totp', { method: 'DELETE', body: { password } });
    refresh();
  };
  return (
    <Form narrow kind="plain" submit="Turn off" onSubmit={remove}>
      <p class="soft">An authenticator app is asked for at each sign-in.</p>
      <PasswordField label="Password, to turn it off" autocomplete="current-password" value={password} onValue={setPassword} />
    </Form>
  );
}

function CodesOn(): JSX.Element {
  const { refresh } = useSession();
  const act = useAct();
  const [start, setStart] = useState<TotpStart | undefined>();
  const [code, setCode] = useState('');
  const begin = () => act.run(async () => setStart(await call('me/totp', { method: 'POST' })));
  const confirm = async () => {
    await call('me/totp', { method: 'PUT', body: { code } });
    refresh();
  };
  if (start === undefined) {
    return (
      <div class="stack first">
        <p class="soft">A six-digit code from an app on your phone, beside the password.</p>
        <Button busy={act.busy} onClick={begin}>
          Set up
        </Button>
        <Trouble error={act.error} />
      </div>
    );
  }
  return (
    <Form narrow submit="Turn on" onSubmit={confirm}>
      <p>
        <a href={start.uri}>Open it in your authenticator app</a>, or type this secret there:
      </p>
      <Copyable label="The secret" text={start.secret.replaceAll(/(.{4})(?=.)/gu, '$1 ')} />
      <CodeField label="Code that the app shows" value={code} onValue={setCode} />
    </Form>
  );
}

function Passkeys(): JSX.Element {
  const { me, refresh } = useSession();
  const act = useAct();
  const [label, setLabel] = useState('');
  const add = async () => {
    await addPasskey(label === '' ? 'Passkey' : label);
    setLabel('');
    refresh();
  };
  const remove = (id: string) =>
    act.run(async () => {
      await call(`me/passkeys/${encodeURIComponent(id)}`, { method: 'DELETE' });
      refresh();
    });
  return (
    <Section title="Passkeys">
      {me.passkeys.length === 0 ? <Empty>None yet. A passkey signs you in by fingerprint, face or security key.</Empty> : null}
      <ul class="rows">
        {me.passkeys.map((passkey) => (
          <li key={passkey.id} class="row still">
            <span class="row-main">
              <span class="row-title">{passkey.label}</span>
              <span class="row-note">
                used <Ago at={passkey.usedAt} />
              </span>
            </span>
            <button type="button" class="round" aria-label={`Remove ${passkey.label}`} onClick={() => remove(passkey.id)}>
              <Icon name="cross" size={18} />
            </button>
          </li>
        ))}
      </ul>
      <Trouble error={act.error} />
      {knowsPasskeys() ? (
        <Form narrow kind="plain" submit="Add a passkey" onSubmit={add}>
          <TextField
            label="Name of the new passkey"
            autocomplete="off"
            maxLength={100}
            placeholder="Laptop"
            value={label}
            onValue={setLabel}
          />
        </Form>
      ) : (
        <p class="soft small">Passkeys need HTTPS and a current browser.</p>
      )}
    </Section>
  );
}
