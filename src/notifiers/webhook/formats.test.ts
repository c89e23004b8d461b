import { describe, expect, test } from 'vitest';
import { sampleEvent, sampleMessage } from '../../../test/contracts/notifier.ts';
import { webhookBody, webhookFormats } from './formats.ts';
import { formatOf } from './webhook-config.ts';

const hostile = sampleEvent({
  title: 'Backup of <!channel> @everyone *bold* [x](https://evil.example) failed',
  message: '<@U123> & "quotes" \\ `code` ~strike~ | # Ünïcode 💾',
});

describe('a message', () => {
  test.each(webhookFormats)('for %s is as the golden file says', async (format) => {
    const { headers, body } = webhookBody(format, sampleMessage({ count: 7, link: 'https://backup.example.org/plans/home' }));
    const shown = format === 'ntfy' ? body : JSON.stringify(JSON.parse(body), null, 2);
    await expect(`${JSON.stringify(headers)}\n${shown}\n`).toMatchFileSnapshot(`../../../test/fixtures/notifications/${format}.txt`);
  });

  test('for Slack can mention nobody and link nowhere', () => {
    const { body } = webhookBody('slack', sampleMessage({ event: hostile }));
    const { text, blocks } = JSON.parse(body) as { text: string; blocks: { text?: { text: string; type: string } }[] };
    for (const written of [text, ...blocks.filter((block) => block.text?.type === 'mrkdwn').map((block) => block.text!.text)])
      expect(written).not.toMatch(/<[!@h]/u);
  });

  test('for Discord can mention nobody, and is not formatted', () => {
    const parsed = JSON.parse(webhookBody('discord', sampleMessage({ event: hostile })).body) as {
      embeds: [{ title: string; description: string }];
      allowed_mentions: { parse: string[] };
    };
    expect(parsed.allowed_mentions).toEqual({ parse: [] });
    expect(parsed.embeds[0].title).toContain(String.raw`\@everyone \*bold\* \[x\]\(https`);
    expect(parsed.embeds[0].description).toContain(String.raw`\`code\` \~strike\~ \| \# Ünïcode 💾`);
  });

  test('for ntfy has a title that fits a header', () => {
    const { headers } = webhookBody('ntfy', sampleMessage({ event: sampleEvent({ title: 'Sicherung von „Büro“ 💾\r\nX-Evil: 1' }) }));
    expect(headers['title']).toMatch(/^=\?UTF-8\?B\?[A-Za-z0-9+/=]+\?=$/u);
    expect(new Headers(headers).get('x-evil')).toBeNull();
  });

  test.each(webhookFormats.filter((format) => format !== 'json'))('for %s stays within its limits', (format) => {
    const long = sampleEvent({ title: '&💾'.repeat(3000), message: '*&💾'.repeat(4000), action: '<💾'.repeat(4000) });
    const { body } = webhookBody(format, sampleMessage({ event: long }));
    expect(body.isWellFormed()).toBe(true);
    if (format === 'ntfy') expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4096);
    if (format === 'slack') expect(longest(JSON.parse(body))).toBeLessThanOrEqual(3000);
    if (format === 'discord') expect(longest(JSON.parse(body))).toBeLessThanOrEqual(4096);
    if (format === 'teams') expect(Buffer.byteLength(body)).toBeLessThanOrEqual(28 * 1024);
  });
});

function longest(value: unknown): number {
  if (typeof value === 'string') return value.length;
  return typeof value === 'object' && value !== null ? Math.max(0, ...Object.values(value).map(longest)) : 0;
}

test('formats are told by the host', () => {
  const format = (url: string) => formatOf('auto', new URL(url));
  expect(format('https://hooks.slack.com/services/x')).toBe('slack');
  expect(format('https://discord.com/api/webhooks/x')).toBe('discord');
  expect(format('https://prod-1.westeurope.logic.azure.com:443/workflows/x')).toBe('teams');
  expect(format('https://default0.1.environment.api.powerplatform.com/powerautomate/x')).toBe('teams');
  expect(format('https://ntfy.sh/backups')).toBe('ntfy');
  expect(format('https://hooks.slack.com.evil.example/')).toBe('json');
  expect(formatOf('gotify', new URL('https://push.example.org'))).toBe('gotify');
});
