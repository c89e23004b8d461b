import { z } from 'zod';
import { HoldfastError, isHoldfastError } from '../../domain/errors.ts';
import type { Secret } from '../../domain/secret.ts';
import { isLoopback } from '../../platform/notify-by-http.ts';
import { secretText } from '../../ports/config-fields.ts';

const address = (words: string) =>
  z
    .string()
    .max(254, 'is longer than an address can be')
    .regex(/^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/u, 'must be an address such as admin@example.org')
    .describe(words);

export const emailConfig = z
  .strictObject({
    to: z
      .array(address('address'))
      .min(1, 'must name an address')
      .max(50, 'must be at most 50 addresses')
      .describe('addresses that mail goes to'),
    from: address('address that mail comes from; default: the user of "smtp", else holdfast@ and the name of this machine').optional(),
    smtp: secretText()
      .optional()
      .describe('smtp://user:password@host:port, or smtps:// for TLS from the first byte; default: smtp://localhost:25'),
    startTls: z
      .enum(['required', 'off'])
      .optional()
      .describe('over smtp://: required turns to TLS or sends nothing, off sends readably; default: required, and off to this machine'),
  })
  .superRefine((config, context) => {
    try {
      mailServer(config);
    } catch (cause) {
      if (!isHoldfastError(cause)) throw cause;
      if (cause.code !== 'SECRET_MISSING') context.addIssue({ code: 'custom', path: ['smtp'], message: cause.message });
    }
  });

export type EmailConfig = z.infer<typeof emailConfig>;

export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly tls: 'from-the-start' | 'required' | 'off';
  readonly login: { readonly user: string; readonly pass: string } | null;
}

/** Where mail is handed in. Throws `CONFIG_INVALID`. */
export function mailServer({
  smtp,
  startTls,
}: {
  readonly smtp?: Secret | undefined;
  readonly startTls?: EmailConfig['startTls'];
}): MailServer {
  const url = URL.parse(smtp?.reveal() ?? 'smtp://localhost:25');
  if (url === null || !['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '')
    throw malformed('must be smtp://user:password@host:port or smtps://…');
  const isImplicit = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[(.*)\]$/u, '$1');
  const tls = isImplicit ? 'from-the-start' : (startTls ?? (isLoopback(host) ? 'off' : 'required'));
  const login = url.username === '' ? null : { user: plain(url.username), pass: plain(url.password) };
  if (login !== null && tls === 'off' && !isLoopback(host)) throw malformed('holds a password, which startTls: off would send readably');
  return { host, port: url.port === '' ? (isImplicit ? 465 : 587) : Number(url.port), tls, login };
}

function plain(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw malformed('has a user or password with a bare "%"; write it as %25');
  }
}

function malformed(message: string): HoldfastError {
  return new HoldfastError('CONFIG_INVALID', message, { hint: 'Correct "smtp" of the channel, then: holdfast config check' });
}
