import type { ListenAddress, ServiceSettings } from './service-settings.ts';

const tcp = /^(?:\[([0-9a-f:.%]+)\]|([a-z0-9._-]*)):(\d{1,5})$/iu;

/** `127.0.0.1:8000`, `[::1]:8000`, `:8000` (loopback), `unix:/run/holdfast.sock`; port 0 is any free one. Undefined for all else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const socket = /^unix:(\/.+)$/u.exec(text.trim());
  if (socket?.[1] !== undefined) return { kind: 'socket', path: socket[1] };
  const [, v6, name = '', digits = ''] = tcp.exec(text.trim()) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) return undefined;
  return { kind: 'tcp', host: v6 ?? (name === '' ? '127.0.0.1' : name), port };
}

/** True when what is said there can be overheard: an address of the network, and no word of TLS before it. */
export function isInClear({ listen, publicUrl }: Pick<ServiceSettings, 'listen' | 'publicUrl'>): boolean {
  if (listen.kind === 'socket' || publicUrl?.startsWith('https:') === true) return false;
  return !/^(?:localhost|127(?:\.\d+){3}|::1)$/u.test(listen.host);
}
