import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, call, useAct, useLoaded } from './api.ts';
import { CodeField, Form, PasswordField, TextField } from './form.tsx';
import { Mark } from './icons.tsx';
import { knowsPasskeys, signInByPasskey } from './passkeys.ts';
import { navigate } from './router.ts';
import type { SignInOptions } from './shapes.ts';
import { Button, Loading, Trouble } from './ui.tsx';

function Gate({ title, children }: { readonly title: string; readonly children: ComponentChildren }): JSX.Element {
  useEffect(() => {
    document.title = `${title} · Holdfast`;
  }, [title]);
  return (
    <main class="gate" id="main">
      <div class="gate-card">
        <Mark size={44} />
        <h1 tabIndex={-1}>{title}</h1>
        {children}
      </div>
    </main>
  );
}

export function SignInPage({ onSignedIn }: { readonly onSignedIn: () => void }): JSX.Element {
  const { data, error, reload } = useLoaded<SignInOptions>('session/options');
  const passkey = useAct();
  return (
    <Gate title="Sign in">
      <Trouble error={error} retry={reload} />
      {data === undefined && error === undefined ? <Loading /> : null}
      {data?.setup === true ? (
        <p class="soft">Nobody can sign in yet. The service printed a one-time link when it started: open it to make the administrator.</p>
      ) : null}
      {data?.setup === false && data.passwords ? <PasswordForm onSignedIn={onSignedIn} /> : null}
      {data?.setup === false && (data.oidc !== null || (data.passkeys && knowsPasskeys())) ? (
        <div class="other-ways">
          {data.passwords ? <p class="soft small">or</p> : null}
          {data.passkeys && knowsPasskeys() ? (
            <Button
              busy={passkey.busy}
              onClick={() =>
                passkey.run(async () => {
                  await signInByPasskey();
                  onSignedIn();
                })
              }
            >
              Use a passkey
            </Button>
          ) : null}
          {data.oidc === null ? null : (
            <a class="button plain" href="api/v1/session/oidc" data-leaves>
              {data.oidc.label}
            </a>
          )}
          <Trouble error={passkey.error} />
        </div>
      ) : null}
    </Gate>
  );
}

function PasswordForm({ onSignedIn }: { readonly onSignedIn: () => void }): JSX.Element {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [asksCode, setAsksCode] = useState(false);
  const signIn = async () => {
    try {
      await call('session', { method: 'POST', body: { name, password, ...(code === '' ? {} : { code }) } });
    } catch (error) {
      if (code !== '' || !(error instanceof ApiError) || !error.concerns('/body/code')) throw error;
      setAsksCode(true);
      return;
    }
    onSignedIn();
  };
  return (
    <Form submit="Sign in" onSubmit={signIn}>
      <TextField label="Name" required autocomplete="username" value={name} onValue={setName} />
      <PasswordField label="Password" autocomplete="current-password" value={password} onValue={setPassword} />
      {asksCode ? (
        <CodeField label="One-time code" hint="Six digits from your authenticator app." isNext value={code} onValue={setCode} />
      ) : null}
    </Form>
  );
}

/** Behind the one-time link that the service prints at its first start: `setup#TOKEN`. */
export function SetupPage({ onSignedIn }: { readonly onSignedIn: () => void }): JSX.Element {
  const [token] = useState(() => location.hash.slice(1));
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const setUp = async () => {
    await call('setup', { method: 'POST', body: { token, name, password } });
    navigate('/', { replace: true });
    onSignedIn();
  };
  return (
    <Gate title="Welcome to Holdfast">
      <p class="soft">Make the administrator. Everybody else is let in by this person.</p>
      {token === '' ? (
        <p class="notice warn">This link lacks its token. Open the whole link that the service printed when it started.</p>
      ) : (
        <Form submit="Begin" onSubmit={setUp}>
          <TextField label="Your name" required maxLength={200} autocomplete="username" value={name} onValue={setName} />
          <PasswordField
            label="Password"
            hint="At least 12 characters. A sentence is a good one."
            autocomplete="new-password"
            value={password}
            onValue={setPassword}
          />
        </Form>
      )}
    </Gate>
  );
}
