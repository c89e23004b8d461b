import { createHash } from 'node:crypto';
import { alertLines, alertText, minuteOf } from '../../domain/alert-text.ts';
import type { NotifierMessage } from '../../ports/notifier.ts';

export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
  /** Of the mail that told of the trouble first: all that follow stand below it. */
  readonly inReplyTo: string | null;
}

/** One event as mail. Pure; the same message has the same id, so that a mail that was sent twice is shown once. */
export function mailOf(message: NotifierMessage): Mail {
  const told = alertText(message);
  const lines = [...alertLines(told), placeLine(message)];
  const links = message.link === null ? [] : [message.link];
  const first = idOf(message, '');
  const messageId = isFirst(message) ? first : idOf(message, `${message.event.kind} ${message.count}`);
  return {
    subject: told.title,
    text: [told.title, '', ...lines, ...links, ''].join('\n'),
    html: htmlOf(told.title, lines, message),
    messageId,
    inReplyTo: messageId === first ? null : first,
  };
}

function placeLine({ host, event }: NotifierMessage): string {
  return `${host}, ${minuteOf(event.at)}${event.plan === null ? '' : `, plan ${event.plan}`}`;
}

function isFirst({ event, count }: NotifierMessage): boolean {
  return count === 1 && event.kind !== 'recovered';
}

/** A thread is a trouble: a plan's subject, since a moment. */
function idOf({ event, since, host }: NotifierMessage, which: string): string {
  const thread = [host, event.plan ?? '', event.subject, since.toISOString(), which].join('\n');
  const name = createHash('sha256').update(thread).digest('hex').slice(0, 32);
  return `<${name}@${host.replaceAll(/[^A-Za-z0-9.-]/gu, '-') || 'holdfast'}>`;
}

const colours = { info: '#2e7d32', warning: '#b26a00', critical: '#c62828' } as const;

function htmlOf(title: string, lines: readonly string[], { event, link }: NotifierMessage): string {
  const paragraphs = lines.map((line) => `<p>${escaped(line)}</p>`);
  const button = link === null ? [] : [`<p><a href="${escaped(link)}">Open in Holdfast</a></p>`];
  return [
    '<!doctype html><html lang="en"><body style="font-family:sans-serif;max-width:40em">',
    `<h2 style="color:${colours[event.severity]}">${escaped(title)}</h2>`,
    ...paragraphs,
    ...button,
    '</body></html>',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
