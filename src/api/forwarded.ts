import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { ServiceSettings } from '../domain/service-settings.ts';

/** How a request looks from outside, reverse proxies taken into account. */
export interface SeenFrom {
  /** Of the person; empty where a socket does not tell. */
  readonly address: string;
  /** `https://backup.example.org`, without a path. */
  readonly origin: string;
  readonly https: boolean;
  /** Path in front of every link, without a slash at its end. */
  readonly base: string;
}

const hostPattern = /^(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/u;
const prefixPattern = /^(?:\/[A-Za-z0-9._~-]+)+$/u;

/** Reads requests as the settings say: `X-Forwarded-…` and `X-Ingress-Path` count only when a trusted proxy sent them. */
export function openForwarding(
  settings: Pick<ServiceSettings, 'trustedProxies' | 'publicUrl' | 'basePath'>,
): (request: IncomingMessage) => SeenFrom {
  const isTrusted = trustOf(settings.trustedProxies);
  const publicOrigin = settings.publicUrl === null ? null : new URL(settings.publicUrl).origin;
  return (request) => {
    const peer = plain(request.socket.remoteAddress);
    const header = (name: string): string | undefined => (isTrusted(peer) ? valueOf(request, name) : undefined);
    const scheme = last(header('x-forwarded-proto'))?.toLowerCase() === 'https' ? 'https' : 'http';
    const host = last(header('x-forwarded-host')) ?? request.headers.host ?? '';
    const origin = publicOrigin ?? `${scheme}://${hostPattern.test(host) ? host : 'localhost'}`;
    const prefix = header('x-ingress-path') ?? header('x-forwarded-prefix');
    return {
      address: isTrusted(peer) ? clientAddress(listOf(header('x-forwarded-for')), peer, isTrusted) : peer,
      origin,
      https: origin.startsWith('https:'),
      base: prefix !== undefined && prefixPattern.test(prefix) && !hasDotSegment(prefix) ? prefix : settings.basePath,
    };
  };
}

/** The entry `unix` stands for whoever reaches a socket in the file system. */
function trustOf(proxies: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/', 2);
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(address) === 0) continue;
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  const trustsSocket = proxies.includes('unix');
  return (address) => (address === '' ? trustsSocket : trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));
}

/** The nearest address that is not one of our proxies: those before it may be made up. */
function clientAddress(forwarded: readonly string[], peer: string, isTrusted: (address: string) => boolean): string {
  const addresses = [...forwarded.map(plain).filter((address) => isIP(address) !== 0), peer];
  return addresses.findLast((address) => !isTrusted(address)) ?? addresses[0] ?? peer;
}

/** An IPv4 address stays one on a socket that takes both. */
function plain(address: string | undefined): string {
  return address?.trim().replace(/^::ffff:(?=\d+\.)/iu, '') ?? '';
}

function valueOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function listOf(value: string | undefined): readonly string[] {
  return value === undefined || value === '' ? [] : value.split(',').map((item) => item.trim());
}

/** What the proxy nearest to us added. */
function last(value: string | undefined): string | undefined {
  return listOf(value).at(-1);
}

function hasDotSegment(path: string): boolean {
  return path.split('/').some((segment) => segment === '.' || segment === '..');
}
