import { describe, expect, it } from 'vitest';
import { isInClear, parseListenAddress } from './listen-address.ts';

describe('parseListenAddress()', () => {
  it.each([
    ['127.0.0.1:8000', { kind: 'tcp', host: '127.0.0.1', port: 8000 }],
    ['0.0.0.0:80', { kind: 'tcp', host: '0.0.0.0', port: 80 }],
    [':0', { kind: 'tcp', host: '127.0.0.1', port: 0 }],
    ['localhost:8000', { kind: 'tcp', host: 'localhost', port: 8000 }],
    ['[::1]:8000', { kind: 'tcp', host: '::1', port: 8000 }],
    ['[::]:8000', { kind: 'tcp', host: '::', port: 8000 }],
    ['unix:/run/holdfast/api.sock', { kind: 'socket', path: '/run/holdfast/api.sock' }],
  ])('reads %s', (text, expected) => {
    expect(parseListenAddress(text)).toEqual(expected);
  });

  it.each(['', '8000', 'localhost', '::1:8000', 'host:65536', 'host:-1', 'unix:relative.sock', 'http://host:80', 'a b:80'])(
    'refuses "%s"',
    (text) => {
      expect(parseListenAddress(text)).toBeUndefined();
    },
  );
});

describe('isInClear()', () => {
  it.each([
    ['127.0.0.1:80', null, false],
    ['127.0.0.2:80', null, false],
    ['localhost:80', null, false],
    ['[::1]:80', null, false],
    ['unix:/run/h.sock', null, false],
    ['0.0.0.0:80', 'https://backup.example.org', false],
    ['0.0.0.0:80', 'http://backup.example.org', true],
    ['0.0.0.0:80', null, true],
    ['[::]:80', null, true],
    ['backup.lan:80', null, true],
    ['127.evil.example:80', null, true],
  ])('%s with %s: %s', (text, publicUrl, expected) => {
    const listen = parseListenAddress(text);
    if (listen === undefined) throw new Error(`${text} is no address`);
    expect(isInClear({ listen, publicUrl })).toBe(expected);
  });
});
