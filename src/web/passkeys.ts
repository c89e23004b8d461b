import { call } from './api.ts';

/** Old browsers lack the JSON forms of WebAuthn; the buttons are hidden there. */
export function knowsPasskeys(): boolean {
  return 'PublicKeyCredential' in globalThis && 'parseRequestOptionsFromJSON' in PublicKeyCredential && isSecureContext;
}

export async function signInByPasskey(): Promise<void> {
  const options = await call<PublicKeyCredentialRequestOptionsJSON>('session/passkey/options', { method: 'POST' });
  const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  await call('session/passkey', { method: 'POST', body: jsonOf(credential) });
}

export async function addPasskey(label: string): Promise<void> {
  const options = await call<PublicKeyCredentialCreationOptionsJSON>('me/passkeys/options', { method: 'POST' });
  const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  await call('me/passkeys', { method: 'POST', body: { label, response: jsonOf(credential) } });
}

function jsonOf(credential: Credential | null): unknown {
  if (!(credential instanceof PublicKeyCredential)) throw new Error('The browser gave no passkey');
  return credential.toJSON();
}
