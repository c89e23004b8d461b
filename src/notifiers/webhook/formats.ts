import { alertLines, alertText, minuteOf } from '../../domain/alert-text.ts';
import type { NotifierMessage } from '../../ports/notifier.ts';

export const webhookFormats = ['slack', 'discord', 'teams', 'ntfy', 'gotify', 'json'] as const;
export type WebhookFormat = (typeof webhookFormats)[number];

export interface WebhookBody {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What each of them is sent. Pure. */
export function webhookBody(format: WebhookFormat, message: NotifierMessage): WebhookBody {
  return format === 'ntfy' ? ntfy(message) : json(bodies[format](message));
}

const bodies = { slack, discord, teams, gotify, json: plain } as const;

function json(body: unknown): WebhookBody {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

type Severity = NotifierMessage['event']['severity'];

const bySeverity = {
  info: { mark: '✅', colour: 0x2e_7d_32, teamsColour: 'Good', ntfyPriority: '3', gotifyPriority: 3, ntfyTag: 'white_check_mark' },
  warning: { mark: '⚠️', colour: 0xf9_a8_25, teamsColour: 'Warning', ntfyPriority: '4', gotifyPriority: 5, ntfyTag: 'warning' },
  critical: { mark: '🔴', colour: 0xc6_28_28, teamsColour: 'Attention', ntfyPriority: '5', gotifyPriority: 8, ntfyTag: 'rotating_light' },
} as const satisfies Record<Severity, unknown>;

function placeLine({ host, event }: NotifierMessage): string {
  return [host, ...(event.plan === null ? [] : [`plan ${event.plan}`]), minuteOf(event.at)].join(' · ');
}

/** @see https://api.slack.com/reference/surfaces/formatting#escaping: these three, and `<!channel>` is text. */
function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** @see https://api.slack.com/reference/block-kit/blocks: a header holds 150 characters, a section 3000. */
function slack(message: NotifierMessage): unknown {
  const told = alertText(message);
  const { mark } = bySeverity[message.event.severity];
  const lines = alertLines(told);
  const link = message.link === null ? [] : [`<${slackText(message.link)}|Open in Holdfast>`];
  const section = cut([...lines.map(slackText), ...link].join('\n'), 3000);
  return {
    text: cut(slackText(`${mark} ${told.title}`), 3000),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(`${mark} ${told.title}`, 150), emoji: true } },
      ...(section === '' ? [] : [{ type: 'section', text: { type: 'mrkdwn', text: section, verbatim: true } }]),
      { type: 'context', elements: [{ type: 'plain_text', text: cut(placeLine(message), 2000) }] },
    ],
  };
}

/** Characters that mean something in Discord's and in cards' Markdown. */
function markdownText(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()<>#+!|~@-]/gu, String.raw`\$&`);
}

/** @see https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
function discord(message: NotifierMessage): unknown {
  const { title, message: detail, facts, action } = alertText(message);
  const { mark, colour } = bySeverity[message.event.severity];
  return {
    embeds: [
      {
        title: cut(markdownText(`${mark} ${title}`), 256),
        description: cut([...(detail === null ? [] : [detail]), ...facts].map(markdownText).join('\n'), 4096),
        color: colour,
        fields: action === null ? [] : [{ name: 'What to do', value: cut(markdownText(action), 1024) }],
        footer: { text: cut(placeLine(message), 2048) },
        timestamp: message.event.at.toISOString(),
        ...(message.link === null ? {} : { url: message.link }),
      },
    ],
    allowed_mentions: { parse: [] },
  };
}

/** A card for "When a Teams webhook request is received". @see https://adaptivecards.io/explorer/ (1.4) */
function teams(message: NotifierMessage): unknown {
  const { title, message: detail, facts, action } = alertText(message);
  const { mark, teamsColour } = bySeverity[message.event.severity];
  const block = (text: string, more: object = {}) => ({ type: 'TextBlock', text: markdownText(cut(text, 4000)), wrap: true, ...more });
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      block(`${mark} ${title}`, { size: 'Medium', weight: 'Bolder', color: teamsColour }),
      ...[...(detail === null ? [] : [detail]), ...facts].map((line) => block(line)),
      ...(action === null ? [] : [block(`What to do: ${action}`, { weight: 'Bolder' })]),
      block(placeLine(message), { isSubtle: true, size: 'Small' }),
    ],
    ...(message.link === null ? {} : { actions: [{ type: 'Action.OpenUrl', title: 'Open in Holdfast', url: message.link }] }),
  };
  return { type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }] };
}

/** @see https://docs.ntfy.sh/publish/ */
function ntfy(message: NotifierMessage): WebhookBody {
  const told = alertText(message);
  const { ntfyPriority, ntfyTag } = bySeverity[message.event.severity];
  return {
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      title: headerText(told.title),
      priority: ntfyPriority,
      tags: ntfyTag,
      ...(message.link === null ? {} : { click: message.link }),
    },
    // Beyond this it would become an attachment.
    body: cutBytes([...alertLines(told), placeLine(message)].join('\n'), 4000),
  };
}

/** Headers are ASCII; for the rest ntfy reads RFC 2047. */
function headerText(text: string): string {
  const line = cut(text, 200);
  return /^[\x20-\x7E]*$/u.test(line) ? line : `=?UTF-8?B?${Buffer.from(line).toString('base64')}?=`;
}

/** @see https://gotify.net/docs/pushmsg */
function gotify(message: NotifierMessage): unknown {
  const told = alertText(message);
  const { gotifyPriority } = bySeverity[message.event.severity];
  const link = message.link === null ? {} : { extras: { 'client::notification': { click: { url: message.link } } } };
  const text = [...alertLines(told), placeLine(message)].join('\n');
  return { title: told.title, message: text, priority: gotifyPriority, ...link };
}

/** Ours: docs/monitoring.md tells what each key means. */
function plain({ event, count, since, host, link }: NotifierMessage): unknown {
  const { kind, severity, plan, subject, title, message, action, at, atRiskSince, run } = event;
  return { version: 1, kind, severity, plan, subject, title, message, action, at, since, count, atRiskSince, host, link, run };
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${text.slice(0, length - 1).replace(/(?:[\uD800-\uDBFF\\]+|&[a-z]*)$/u, '')}…`;
}

function cutBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return `${new TextDecoder().decode(Buffer.from(text).subarray(0, bytes - 3)).replace(/\uFFFD$/u, '')}…`;
}
