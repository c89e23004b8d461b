import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { openForwarding } from './forwarded.ts';

const closed = { trustedProxies: [], publicUrl: null, basePath: '' } as const;
const proxied = { ...closed, trustedProxies: ['10.0.0.1', '172.16.0.0/12', '2001:db8::/32'] };

function request(remoteAddress: string | undefined, headers: Record<string, string>): IncomingMessage {
  const message = new IncomingMessage(Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress }));
  message.headers = { host: 'backup.lan:8000', ...headers };
  return message;
}

describe('what a proxy says', () => {
  const headers = {
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'backup.example.org',
    'x-forwarded-prefix': '/holdfast',
  };

  test('counts for nothing by default', () => {
    expect(openForwarding(closed)(request('10.0.0.1', headers))).toEqual({
      address: '10.0.0.1',
      origin: 'http://backup.lan:8000',
      https: false,
      base: '',
    });
  });

  test.each(['10.0.0.1', '172.20.1.2', '::ffff:10.0.0.1', '2001:db8::7'])('counts when it comes from a trusted one: %s', (peer) => {
    expect(openForwarding(proxied)(request(peer, headers))).toEqual({
      address: '203.0.113.9',
      origin: 'https://backup.example.org',
      https: true,
      base: '/holdfast',
    });
  });

  test('counts for nothing from anybody else', () => {
    expect(openForwarding(proxied)(request('10.0.0.2', headers))).toMatchObject({ address: '10.0.0.2', https: false, base: '' });
  });

  test('counts over a socket only when sockets are trusted', () => {
    expect(openForwarding(proxied)(request(undefined, headers)).address).toBe('');
    expect(openForwarding({ ...closed, trustedProxies: ['unix'] })(request(undefined, headers)).address).toBe('203.0.113.9');
  });
});

describe('the address of the person', () => {
  test.each([
    ['1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['203.0.113.9, 172.16.5.5', '203.0.113.9'],
    ['172.16.5.5', '172.16.5.5'],
    ['made up, <script>', '10.0.0.1'],
    ['', '10.0.0.1'],
  ])('is the nearest that is no proxy of ours: %s', (forwardedFor, expected) => {
    expect(openForwarding(proxied)(request('10.0.0.1', { 'x-forwarded-for': forwardedFor })).address).toBe(expected);
  });
});

describe('the origin', () => {
  test('is the public address once it is known, whatever a request claims', () => {
    const seenFrom = openForwarding({ ...proxied, publicUrl: 'https://backup.example.org/holdfast', basePath: '/holdfast' });
    expect(seenFrom(request('10.0.0.1', { 'x-forwarded-host': 'evil.example' }))).toMatchObject({
      origin: 'https://backup.example.org',
      https: true,
      base: '/holdfast',
    });
  });

  test.each(['evil.example/path', 'a b', 'user@host', '"><script>'])('is never made of an odd host: %s', (host) => {
    expect(openForwarding(closed)(request('10.0.0.9', { host })).origin).toBe('http://localhost');
  });
});

describe('the base path', () => {
  test.each(['//evil.example', '/a/../b', '/a b', 'a', '/a?b', '/"><script>'])('is not taken when it is odd: %s', (prefix) => {
    const seenFrom = openForwarding({ ...proxied, basePath: '/own' });
    expect(seenFrom(request('10.0.0.1', { 'x-forwarded-prefix': prefix })).base).toBe('/own');
  });

  test('is that of Home Assistant where it stands before us', () => {
    const headers = { 'x-ingress-path': '/api/hassio_ingress/aBc-_123', 'x-forwarded-prefix': '/other' };
    expect(openForwarding(proxied)(request('172.30.32.2', headers)).base).toBe('/api/hassio_ingress/aBc-_123');
  });
});
