import { HoldfastError, throwIfAborted, type Retry } from '../domain/errors.ts';
import type { Secret } from '../domain/secret.ts';

export interface HttpMessage {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Beside what the URL holds: what must not come back in an error. */
  readonly secrets: readonly string[];
}

const timeoutMs = 10_000;
const replyBytes = 4096;

/**
 * POSTs one message of a channel. Throws `NOTIFY_REJECTED` for what will never be taken, `NOTIFY_FAILED` for what may be
 * later. A URL is told by its host alone: the rest of a webhook's is its password.
 */
export async function notifyByHttp(message: HttpMessage, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const response = await fetch(withoutUser(message.url), {
      method: 'POST',
      headers: { 'user-agent': 'holdfast', ...userHeader(message.url), ...message.headers },
      body: message.body,
      redirect: 'manual',
      signal: limited,
    });
    const reply = await beginningOf(response);
    if (!response.ok) throw refusal(response, withoutSecrets(reply, message), message.url);
  } catch (error) {
    throwIfAborted(signal);
    throw error instanceof HoldfastError ? error : unreachable(error, message.url);
  }
}

/** `fetch` refuses URLs with a user in them. */
function withoutUser(url: URL): URL {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain;
}

function userHeader({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(user).toString('base64')}` };
}

/** So much of a reply as an error needs; the rest is not waited for. */
async function beginningOf({ body }: Response): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(Buffer.from(chunk));
    sizeBytes += chunk.length;
    if (sizeBytes >= replyBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, replyBytes).toString();
}

/** Whatever the other side repeats of the address or a token is not told on: then nothing of its reply is. */
function withoutSecrets(reply: string, { url, secrets }: HttpMessage): string | null {
  const line = reply.replaceAll(/\s+/gu, ' ').trim();
  const parts = [...url.pathname.split('/'), ...url.searchParams.values(), url.username, url.password, ...secrets];
  const told = parts.flatMap((part) => [part, decoded(part)]).filter((part) => part.length >= 4);
  if (line === '' || line.startsWith('<') || told.some((part) => line.includes(part))) return null;
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function refusal(response: Response, reply: string | null, url: URL): HoldfastError {
  const { status, headers } = response;
  const message = `Cannot notify by ${url.host}: it answered ${status}${reply === null ? '' : ` (${reply})`}`;
  const details = { status };
  if (status >= 500 || status === 408 || status === 429)
    return new HoldfastError('NOTIFY_FAILED', message, { hint: laterHint, retry: retryOf(headers), details });
  return new HoldfastError('NOTIFY_REJECTED', message, {
    hint:
      status >= 300 && status < 400
        ? 'Give the address that it points to: a notification does not follow to places that nobody configured'
        : 'Check the address and the token of this channel, then: holdfast notify test',
    details,
  });
}

const laterHint = 'Wait: it is tried again; or try the channel by hand: holdfast notify test';

function retryOf(headers: Headers): Retry {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? { kind: 'after', delayMs: seconds * 1000 } : { kind: 'later' };
}

function unreachable(error: unknown, url: URL): HoldfastError {
  const why = isTimeout(error) ? `no answer within ${timeoutMs / 1000} s` : (systemCode(error) ?? 'the connection failed');
  return new HoldfastError('NOTIFY_FAILED', `Cannot notify by ${url.host}: ${why}`, {
    hint: `See whether ${url.host} can be reached from this machine; it is tried again`,
    retry: { kind: 'later' },
  });
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}

/** The code of the cause (`ECONNREFUSED`); messages of `fetch` may name the whole address. */
function systemCode(error: unknown): string | null {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : null;
}

export interface AddressRules {
  readonly allowHttp: boolean;
}

/** The address of a channel. Throws `CONFIG_INVALID` for what is none, or would carry a message readably over a network. */
export function notifierAddress(secret: Secret, { allowHttp }: AddressRules): URL {
  const url = URL.parse(secret.reveal());
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw badAddress('must be an address that begins with https://');
  if (url.protocol === 'http:' && !allowHttp && !isLoopback(url.hostname))
    throw badAddress('is http, which anybody on the way can read; use https, or say allowHttp: true');
  return url;
}

function badAddress(message: string): HoldfastError {
  return new HoldfastError('CONFIG_INVALID', message, { hint: 'Correct "url" of the channel, then: holdfast config check' });
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(?:\.\d{1,3}){3}$/u.test(host);
}
