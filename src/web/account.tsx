import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAct } from './api.ts';
import { Icon } from './icons.tsx';
import { addPasskey, knowsPasskeys } from './passkeys.ts';
import { useSession } from './session.ts';
import { Ago, Button, Copyable, Empty, Field, Page, Section, Trouble } from './ui.tsx';

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
  const act = useAct();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [isDone, setDone] = useState(false);
  const change = () =>
    act.run(async () => {
      await call('me/password', { method: 'POST', body: { current, next } });
      setDone(true);
      setCurrent('');
      setNext('');
    });
  return (
    <Section title="Password">
      <form
        class="narrow"
        onSubmit={(event) => {
          event.preventDefault();
          change();
        }}
      >
        <Field label="Present password">
          {(ids) => (
            <input
              {...ids}
              type="password"
              required
              autocomplete="current-password"
              value={current}
              onInput={(event) => setCurrent(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="New password" hint="At least 12 characters. Other browsers are signed out.">
          {(ids) => (
            <input
              {...ids}
              type="password"
              required
              minLength={12}
              autocomplete="new-password"
              value={next}
              onInput={(event) => setNext(event.currentTarget.value)}
            />
          )}
        </Field>
        <Trouble error={act.error} />
        <Button type="submit" busy={act.busy}>
          Change it
        </Button>
        <p aria-live="polite" class="good-text">
          {isDone ? 'Changed.' : ''}
        </p>
      </form>
    </Section>
  );
}

interface TotpStart {
  readonly secret: string;
  readonly uri: string;
}

function OneTimeCodes(): JSX.Element {
  const { me, refresh } = useSession();
  const act = useAct();
  const [start, setStart] = useState<TotpStart | undefined>();
  const [code, setCode] = useState('');
  const [password, setPassword] = useState('');
  const begin = () => act.run(async () => setStart(await call('me/totp', { method: 'POST' })));
  const confirm = () =>
    act.run(async () => {
      await call('me/totp', { method: 'PUT', body: { code } });
      setStart(undefined);
      refresh();
    });
  const remove = () =>
    act.run(async () => {
      await call('me/totp', { method: 'DELETE', body: { password } });
      setPassword('');
      refresh();
    });
  return (
    <Section title="One-time codes">
      {me.totp ? (
        <form
          class="narrow"
          onSubmit={(event) => {
            event.preventDefault();
            remove();
          }}
        >
          <p class="soft">An authenticator app is asked for at each sign-in.</p>
          <Field label="Password, to turn it off">
            {(ids) => (
              <input
                {...ids}
                type="password"
                required
                autocomplete="current-password"
                value={password}
                onInput={(event) => setPassword(event.currentTarget.value)}
              />
            )}
          </Field>
          <Button type="submit" busy={act.busy}>
            Turn off
          </Button>
        </form>
      ) : start === undefined ? (
        <>
          <p class="soft">A six-digit code from an app on your phone, beside the password.</p>
          <Button busy={act.busy} onClick={begin}>
            Set up
          </Button>
        </>
      ) : (
        <form
          class="narrow"
          onSubmit={(event) => {
            event.preventDefault();
            confirm();
          }}
        >
          <p>
            <a href={start.uri}>Open it in your authenticator app</a>, or type this secret there:
          </p>
          <Copyable label="The secret" text={start.secret.replaceAll(/(.{4})(?=.)/gu, '$1 ')} />
          <Field label="Code that the app shows">
            {(ids) => (
              <input
                {...ids}
                inputMode="numeric"
                pattern="[0-9]{6}"
                required
                autocomplete="one-time-code"
                value={code}
                onInput={(event) => setCode(event.currentTarget.value)}
              />
            )}
          </Field>
          <Button kind="primary" type="submit" busy={act.busy}>
            Turn on
          </Button>
        </form>
      )}
      <Trouble error={act.error} />
    </Section>
  );
}

function Passkeys(): JSX.Element {
  const { me, refresh } = useSession();
  const act = useAct();
  const [label, setLabel] = useState('');
  const add = () =>
    act.run(async () => {
      await addPasskey(label === '' ? 'Passkey' : label);
      setLabel('');
      refresh();
    });
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
      {knowsPasskeys() ? (
        <form
          class="narrow"
          onSubmit={(event) => {
            event.preventDefault();
            add();
          }}
        >
          <Field label="Name of the new passkey">
            {(ids) => (
              <input {...ids} maxLength={100} placeholder="Laptop" value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
            )}
          </Field>
          <Button type="submit" busy={act.busy}>
            Add a passkey
          </Button>
        </form>
      ) : (
        <p class="soft small">Passkeys need HTTPS and a current browser.</p>
      )}
      <Trouble error={act.error} />
    </Section>
  );
}
