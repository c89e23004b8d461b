import { isIP } from 'node:net';
import { z } from 'zod';
import { roles } from '../domain/principal.ts';
import { parseListenAddress } from '../domain/listen-address.ts';
import { secretText } from '../ports/config-fields.ts';
import { checkedText } from './checked-text.ts';

function listenProblem(text: string): string | null {
  if (parseListenAddress(text) !== undefined) return null;
  return 'must be HOST:PORT, :PORT (this machine alone) or unix:/path, for example "127.0.0.1:8000"';
}

function urlOf(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

const isWeb = ({ protocol }: URL): boolean => protocol === 'https:' || protocol === 'http:';

function isBare({ username, password, search, hash }: URL): boolean {
  return [username, password, search, hash].every((part) => part === '');
}

function publicUrlProblem(text: string): string | null {
  const url = urlOf(text);
  if (url === null || !isWeb(url) || !isBare(url)) return 'must be what people type, for example "https://backup.example.org/holdfast"';
  return basePathProblem(url.pathname);
}

/** Also the end of a cookie's and a header's line: nothing but plain path segments may pass. */
function basePathProblem(text: string): string | null {
  const segments = text.replace(/\/$/u, '');
  const isPath = segments === '' || (/^(?:\/[A-Za-z0-9._~-]+)+$/u.test(segments) && !/\/\.{1,2}(?:\/|$)/u.test(segments));
  return isPath ? null : 'must be a path of letters, digits and "._~-" that begins with "/", for example "/holdfast"';
}

const proxyWords = ['loopback', 'linklocal', 'uniquelocal'];

function proxyProblem(text: string): string | null {
  const [address = '', bits, more] = text.split('/');
  const family = isIP(address);
  const isNetwork = bits === undefined || (/^\d{1,3}$/u.test(bits) && Number(bits) >= 1 && Number(bits) <= (family === 4 ? 32 : 128));
  if (proxyWords.includes(text) || (family !== 0 && isNetwork && more === undefined)) return null;
  return 'must be an address, a network such as "10.0.0.0/8", or one of loopback, linklocal, uniquelocal; never everybody';
}

/** Part of a header: an origin and nothing else. */
function originProblem(text: string): string | null {
  return /^https?:\/\/(?:[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?$/u.test(text)
    ? null
    : 'must be an origin, for example "https://home.example.org:8123"';
}

/** Passwords and codes pass here: in clear on this machine alone. */
function issuerProblem(text: string): string | null {
  const url = urlOf(text);
  const isLoopback = url !== null && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/u.test(url.hostname);
  if (url !== null && isBare(url) && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback))) return null;
  return 'must be the https address of the identity provider, for example "https://login.microsoftonline.com/TENANT/v2.0"';
}

const role = z.enum(roles);
const text = z.string().trim().min(1, 'must not be empty');

const oidc = z
  .strictObject({
    issuer: checkedText(issuerProblem).describe(
      'address of the identity provider; https://login.microsoftonline.com/TENANT/v2.0 for Entra ID',
    ),
    clientId: text.describe('what the provider calls Holdfast'),
    clientSecret: secretText().optional().describe('absent for a public client'),
    scopes: z
      .array(text)
      .default(['openid', 'profile', 'email'])
      .refine((scopes) => scopes.includes('openid'), 'must hold "openid"')
      .describe('what is asked of the provider'),
    claim: text
      .default('roles')
      .describe('claim whose values "roleOf" looks up; "roles" for app roles of Entra ID, "groups" for many others'),
    roleOf: z.record(z.string(), role).default({}).describe('role of each value of the claim: viewer, operator or administrator'),
    defaultRole: role.optional().describe('role of those whom "roleOf" gives none; absent: they are refused'),
    buttonLabel: text.default('Sign in with single sign-on').describe('what the button says'),
  })
  .refine(({ roleOf, defaultRole }) => defaultRole !== undefined || Object.keys(roleOf).length > 0, {
    error: 'gives nobody a role: say in "roleOf" who may do what, or give a "defaultRole"',
  })
  .describe('sign-in with OpenID Connect; absent: none');

export const serviceSchema = z
  .strictObject({
    listen: checkedText(listenProblem)
      .default('127.0.0.1:8000')
      .describe('HOST:PORT, :PORT (this machine alone) or unix:/path; --listen goes before it'),
    publicUrl: checkedText(publicUrlProblem)
      .optional()
      .describe('what people type to reach the service, for links in alerts, sign-in and passkeys'),
    basePath: checkedText(basePathProblem).optional().describe('path in front of every route; default: the path of publicUrl'),
    trustedProxies: z
      .array(checkedText(proxyProblem))
      .default([])
      .describe('addresses and networks of reverse proxies whose X-Forwarded headers count'),
    frameAncestors: z
      .array(checkedText(originProblem))
      .default([])
      .describe('origins that may show the dashboard in a frame, such as Home Assistant'),
    passwords: z.boolean().default(true).describe('false: sign-in by OpenID Connect alone'),
    sessionHours: z.int().min(1).max(8760).default(168).describe('how long a sign-in lasts at most'),
    metrics: z.enum(['token', 'public']).default('token').describe('whether /metrics asks for a token'),
    maxRuns: z.int().min(1).max(64).default(2).describe('how many scheduled runs may go on at the same time'),
    backupsPlan: z.string().optional().describe('plan that POST /backups runs; default: the only one, or the first of the file'),
    logFormat: z.enum(['json', 'text']).optional().describe('default: text on a terminal, else json'),
    oidc: oidc.optional(),
  })
  .refine(({ passwords, oidc: signIn }) => passwords || signIn !== undefined, {
    error: 'lets nobody sign in: without passwords it needs "oidc"',
    path: ['passwords'],
  })
  .describe('how the service meets the world');

export const historySchema = z
  .strictObject({
    url: secretText().optional().describe('PostgreSQL database for the history; absent: a file in the data directory'),
  })
  .describe('where the history of runs and snapshots is kept');

export type ServiceInput = z.infer<typeof serviceSchema>;
