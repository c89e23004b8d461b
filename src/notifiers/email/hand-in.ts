import { connect, type Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import { HoldfastError, throwIfAborted } from '../../domain/errors.ts';
import type { NotifierMessage } from '../../ports/notifier.ts';
import { mailServer, type EmailConfig, type MailServer } from './email-config.ts';
import { mailOf } from './mail.ts';

const timeoutMs = 10_000;

/** Gives one mail to the server. Its connection ends with the signal or after 10 s, so that nothing is sent behind anybody's back. */
export async function handIn(config: EmailConfig, message: NotifierMessage, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  const server = mailServer(config);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const sockets: Socket[] = [];
  const hangUp = (): void => {
    for (const socket of sockets) socket.destroy(new Error('given up'));
  };
  limited.addEventListener('abort', hangUp);
  try {
    const info = await transportTo(server, sockets).sendMail(mail(config, server, message));
    const refused = info.rejected ?? [];
    if (refused.length > 0) throw partly(server, refused.length, config.to.length);
  } catch (error) {
    throwIfAborted(signal);
    throw error instanceof HoldfastError ? error : failure(error, server, limited.aborted);
  } finally {
    limited.removeEventListener('abort', hangUp);
    hangUp();
  }
}

function transportTo({ host, port, tls, login }: MailServer, sockets: Socket[]) {
  return createTransport({
    host,
    port,
    secure: tls === 'from-the-start',
    requireTLS: tls === 'required',
    ignoreTLS: tls === 'off',
    tls: { minVersion: 'TLSv1.2' },
    ...(login === null ? {} : { auth: login }),
    disableFileAccess: true,
    disableUrlAccess: true,
    getSocket: socketInto(sockets, { host, port }),
  });
}

type SocketSource = (options: unknown, callback: (error: Error | null, opened?: { readonly connection: Socket }) => void) => void;

/** Opens the connection here, so that it can be ended from here. */
function socketInto(sockets: Socket[], address: Pick<MailServer, 'host' | 'port'>): SocketSource {
  return (_options, callback) => {
    const socket = connect(address);
    sockets.push(socket);
    const refuse = (error: Error): void => callback(error);
    socket.once('error', refuse);
    socket.once('connect', () => {
      socket.off('error', refuse);
      callback(null, { connection: socket });
    });
  };
}

function mail(config: EmailConfig, { login }: MailServer, message: NotifierMessage) {
  const { inReplyTo, ...written } = mailOf(message);
  const own = login?.user.includes('@') === true ? login.user : `holdfast@${message.host}`;
  return {
    ...written,
    from: { name: 'Holdfast', address: config.from ?? own },
    to: [...config.to],
    ...(inReplyTo === null ? {} : { inReplyTo, references: inReplyTo }),
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function partly({ host }: MailServer, refused: number, all: number): HoldfastError {
  return new HoldfastError('NOTIFY_REJECTED', `Cannot mail everybody by ${host}: ${refused} of ${all} addresses were refused`, {
    hint: 'Correct "to" of this channel, then: holdfast notify test',
  });
}

/** The server's own words may repeat a password in any coding: its code alone is told. */
function failure(error: unknown, { host }: MailServer, isLate: boolean): HoldfastError {
  const { responseCode, code } = error as { readonly responseCode?: unknown; readonly code?: unknown };
  const answered = typeof responseCode === 'number' ? responseCode : null;
  const why = isLate
    ? `no answer within ${timeoutMs / 1000} s`
    : answered === null || code === 'ETLS'
      ? whyOf(error, code)
      : `it answered ${answered}`;
  const message = `Cannot mail by ${host}: ${why}`;
  if (answered !== null && answered >= 500 && !isLate && code !== 'ETLS')
    return new HoldfastError('NOTIFY_REJECTED', message, {
      hint:
        code === 'EAUTH'
          ? 'Correct the user and password in "smtp" of this channel, then: holdfast notify test'
          : 'Check the addresses of this channel and what the server lets it send, then: holdfast notify test',
      details: { status: answered },
    });
  return new HoldfastError('NOTIFY_FAILED', message, {
    hint: `See whether ${host} takes mail from this machine; it is tried again`,
    retry: { kind: 'later' },
  });
}

const words: Readonly<Record<string, string>> = {
  ETLS: 'it does not turn to TLS',
  EAUTH: 'it offers no way to log in that fits',
  EDNS: 'its name is not known',
};

/** Codes of Node and nodemailer; their messages may hold what was sent. */
function whyOf(error: unknown, code: unknown): string {
  if (error instanceof Error && /certificate|altnames/iu.test(error.message)) return 'its certificate is not trusted';
  return words[String(code)] ?? (typeof code === 'string' ? code : 'the connection failed');
}
